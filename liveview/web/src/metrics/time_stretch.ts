// Which stretch of time a chart shows: all there is, until somebody zooms. What `plot_gestures` zooms and pans, with microseconds
// in the place of rows.
import { reactive } from "vue";

const LEAST_MICROS = 10;
const MICROS = 1000; // in a millisecond

/**
 * The stretch of a chart; `onChange()` after each zoom.
 *
 * view.first, view.last: in microseconds since 1970. view.isWhole: whether it is all there is.
 */
export function timeStretch(onChange: () => void) {
  const view = reactive({ first: 0, last: 1, isWhole: true, hover: null as number | null });
  let [begin, end] = [0, 1];

  function show(first: number, last: number) {
    const width = Math.max(LEAST_MICROS, Math.min(last - first, end - begin));
    view.isWhole = width >= end - begin;
    view.first = Math.max(begin, Math.min(first, end - width));
    view.last = view.first + width;
  }

  function zoomTo(first: number, last: number) {
    show(Math.round(first), Math.round(last));
    onChange();
  }

  return {
    view,
    /** Say how much there is, in milliseconds. */
    grow(firstMillis: number, lastMillis: number) {
      [begin, end] = [
        Math.floor(firstMillis * MICROS),
        Math.max(Math.ceil(lastMillis * MICROS), Math.floor(firstMillis * MICROS) + 1),
      ];
      if (view.isWhole) show(begin, end);
    },
    /** [first, last] in milliseconds. */
    millis: () => [view.first / MICROS, view.last / MICROS],
    showAll: () => zoomTo(begin, end),
    zoom(factor: number, at = (view.first + view.last) / 2) {
      const width = view.last - view.first;
      const next = Math.max(LEAST_MICROS, width * factor);
      const first = at - (width ? (at - view.first) / width : 0.5) * next;
      zoomTo(first, first + next);
    },
    pan(micros: number) {
      if (Math.round(micros)) zoomTo(view.first + Math.round(micros), view.last + Math.round(micros));
    },
    rowAt: (share: number) => Math.round(view.first + share * (view.last - view.first)),
  };
}
