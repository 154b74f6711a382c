// Which stretch of time a chart shows: all there is, until somebody zooms. What `plot.js` zooms and pans, with microseconds
// in the place of rows.
import { reactive } from "vue";

const LEAST_MICROS = 10;
const MICROS = 1000; // in a millisecond

/**
 * The stretch of a chart; `onChange()` after each zoom.
 *
 * view.first, view.last: in microseconds since 1970. view.isWhole: whether it is all there is.
 */
export function timeStretch(onChange) {
  const view = reactive({ first: 0, last: 1, isWhole: true, hover: null });
  let [begin, end] = [0, 1];

  function show(first, last) {
    const width = Math.max(LEAST_MICROS, Math.min(last - first, end - begin));
    view.isWhole = width >= end - begin;
    view.first = Math.max(begin, Math.min(first, end - width));
    view.last = view.first + width;
  }

  function zoomTo(first, last) {
    show(Math.round(first), Math.round(last));
    onChange();
  }

  return {
    view,
    /** Say how much there is, in milliseconds. */
    grow(firstMillis, lastMillis) {
      [begin, end] = [Math.floor(firstMillis * MICROS), Math.max(Math.ceil(lastMillis * MICROS), Math.floor(firstMillis * MICROS) + 1)];
      if (view.isWhole) show(begin, end);
    },
    /** [first, last] in milliseconds. */
    millis: () => [view.first / MICROS, view.last / MICROS],
    showAll: () => zoomTo(begin, end),
    zoom(factor, at = (view.first + view.last) / 2) {
      const width = view.last - view.first;
      const next = Math.max(LEAST_MICROS, width * factor);
      const first = at - (width ? (at - view.first) / width : 0.5) * next;
      zoomTo(first, first + next);
    },
    pan(micros) {
      if (Math.round(micros)) zoomTo(view.first + Math.round(micros), view.last + Math.round(micros));
    },
    rowAt: (share) => Math.round(view.first + share * (view.last - view.first)),
  };
}
