// Which stretch of its x axis a chart shows: all there is, until somebody zooms. What `plot_gestures` zooms and pans, with
// thousandths in the place of rows: microseconds of milliseconds, thousandths of a step.
import { reactive } from "vue";

const LEAST = 10; // thousandths
const PARTS = 1000;

/**
 * The stretch of a chart; `onChange()` after each zoom.
 *
 * view.first, view.last: in thousandths of what the axis counts. view.isWhole: whether it is all there is.
 */
export function axisStretch(onChange: () => void) {
  const view = reactive({ first: 0, last: 1, isWhole: true, hover: null as number | null });
  let [begin, end] = [0, 1];

  function show(first: number, last: number) {
    const width = Math.max(LEAST, Math.min(last - first, end - begin));
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
    /** Say how much there is: the first and the last place on the axis. */
    grow(first: number, last: number) {
      begin = Math.floor(first * PARTS);
      end = Math.max(Math.ceil(last * PARTS), begin + LEAST);
      if (view.isWhole) show(begin, end);
    },
    /** The first and the last place that are shown. */
    ends: (): [number, number] => [view.first / PARTS, view.last / PARTS],
    /** Begin anew, on another axis: all there is of it. */
    reset: () => (view.isWhole = true),
    showAll: () => zoomTo(begin, end),
    zoom(factor: number, at = (view.first + view.last) / 2) {
      const width = view.last - view.first;
      const next = Math.max(LEAST, width * factor);
      const first = at - (width ? (at - view.first) / width : 0.5) * next;
      zoomTo(first, first + next);
    },
    pan(parts: number) {
      if (Math.round(parts)) zoomTo(view.first + Math.round(parts), view.last + Math.round(parts));
    },
    rowAt: (share: number) => Math.round(view.first + share * (view.last - view.first)),
  };
}
