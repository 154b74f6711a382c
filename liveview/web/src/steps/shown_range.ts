// Which stretch of a worker's steps the charts show, and its rows: shared by all charts of a run, so that they zoom as one.
import { reactive, watch } from "vue";
import type { Live } from "@/server/live";
import { type Slice, joined, placeOf, sliceOf } from "@/steps/row_slices";
import type { Selection } from "@/steps/selection";

export const NEWEST_ROWS = 300;
const FEWEST_ROWS = 10;
const MOST_POINTS = 1000;
const MOST_EXACT_ROWS = 1500; // more are drawn decimated by the server, which keeps the extremes
const FETCH_MILLIS = 80;
const CALM_MILLIS = 250;
const RETRY_MILLIS = 2000;
const STALE_ROWS = 500; // as many exact rows may follow a decimated stretch before it is fetched again

interface View {
  kind: "newest" | "episode" | "run" | "free";
  axis: "step" | "time";
  tint: "target" | "outcome";
  first: number;
  last: number;
  hover: number | null;
  failed: string;
}

type Timer = ReturnType<typeof setTimeout>;

/** The stretch that the charts of a run show. */
export type Course = ReturnType<typeof courseOf>;

/**
 * The stretch of a worker's steps.
 *
 * view.kind: `newest` rows, the `episode` of the selected step, the whole `run`, or what was zoomed to (`free`).
 * view.first, view.last: its rows. view.axis: `step` or `time`. view.hover: row below the mouse, or null.
 * view.tint: bands by `target` or `outcome`. rows(): its steps as the server sends them, maybe decimated.
 */
export function courseOf(live: Live, selection: Selection) {
  const view = reactive<View>({
    kind: "newest",
    axis: "step",
    tint: "target",
    first: 0,
    last: 0,
    hover: null,
    failed: "",
  });
  const listeners = new Set<() => void>();
  let shown: Slice | null = null;
  let base: { first: number; last: number; rows: Slice } | null = null; // what was fetched last
  let timer: Timer | null = null;
  let calm: Timer | null = null;
  let resets = 0;
  let frame: number | null = null;
  let isClosed = false;

  /** Of the episode of the selected step; while following, of the newest, which the selection is told of later. */
  function episodeRows(): [first: number, last: number] {
    const { columns, first, next } = live.steps;
    const newest = next - 1;
    const row = selection.followed ? newest : (selection.row ?? newest);
    const at = row - first;
    const isHere = selection.followed && at >= 0;
    const mode = isHere ? columns.mode.values[at] : selection.mode;
    const episode = isHere ? columns.episode.values[at] : selection.episode;
    const known = live.episodes.get(`${mode}/${episode}`);
    if (known && known.first_row >= 0 && known.first_row <= row)
      return [known.first_row, selection.followed ? row : known.last_row];
    return [row, row];
  }

  function place(): void {
    const newest = Math.max(0, live.steps.next - 1);
    if (view.kind === "run") setRows(0, newest);
    else if (view.kind === "episode") setRows(...episodeRows());
    else if (view.kind === "newest" && selection.followed) setRows(newest - NEWEST_ROWS + 1, newest);
  }

  /** Where somebody went to a step that is not shown: show it. Where one zoomed, and the run goes on, nothing moves. */
  function reveal(row: number | null): void {
    if (selection.followed || row === null || (row >= view.first && row <= view.last)) return;
    const width = view.last - view.first || NEWEST_ROWS;
    setRows(row - Math.round(width / 2), row + Math.round(width / 2));
    schedule();
  }

  function setRows(first: number, last: number): void {
    const newest = Math.max(0, live.steps.next - 1);
    const width = Math.min(last - first, newest);
    view.first = Math.max(0, Math.min(first, newest - width));
    view.last = view.first + width;
  }

  function redraw(): void {
    if (frame !== null) cancelAnimationFrame(frame);
    if (calm !== null) clearTimeout(calm);
    frame = calm = null;
    place();
    shown = chosenRows();
    listeners.forEach((listener) => listener());
  }

  function schedule() {
    if (!isClosed) frame ??= requestAnimationFrame(redraw);
  }

  /** Where nothing else is new, or else it would be drawn twice. */
  function scheduleWhenCalm() {
    calm ??= setTimeout(schedule, CALM_MILLIS);
  }

  function chosenRows(): Slice {
    const { first, last } = view;
    const { steps } = live;
    if (first >= steps.first && last - first < MOST_EXACT_ROWS) return sliceOf(steps, first, last);
    if (!fits(first, last)) fetchSoon();
    if (!base) return sliceOf(steps, Math.max(first, last - NEWEST_ROWS), last);
    const end = base.last + 1;
    return steps.first <= end && last >= end ? joined(base.rows, sliceOf(steps, end, last)) : base.rows;
  }

  function fits(first: number, last: number): boolean {
    if (!base || base.first > first || base.first + (base.last - base.first) * 0.2 < first) return false;
    const missing = last - base.last;
    return missing <= STALE_ROWS && missing > (base.first - base.last) * 0.2 && live.steps.first <= base.last + 1;
  }

  function fetchSoon() {
    timer ??= setTimeout(fetchNow, FETCH_MILLIS);
  }

  async function fetchNow() {
    const { first, last } = view;
    const known = resets;
    try {
      const points = Math.max(200, Math.min(MOST_POINTS, innerWidth));
      const rows = await live.fetchSteps({ first, last, points });
      if (isClosed) return;
      if (known === resets) base = { first, last, rows };
      view.failed = "";
      timer = null;
      schedule();
    } catch (error) {
      view.failed = (error as Error).message;
      timer = setTimeout(fetchNow, RETRY_MILLIS);
    }
  }

  function zoomTo(first: number, last: number): void {
    view.kind = "free";
    setRows(Math.round(first), Math.round(last));
    schedule();
  }

  const offs = [
    live.onSteps(redraw), // it comes in a frame, which is as soon as anything can be drawn
    live.onReset(() => {
      base = null;
      resets += 1;
      schedule();
    }),
    watch(
      () => selection.row,
      (row) => (view.kind === "episode" && !selection.followed ? schedule() : reveal(row)),
    ),
    watch(() => [selection.followed, view.kind, view.axis, view.tint], schedule),
    watch(() => !selection.followed && `${selection.mode}/${selection.episode}`, schedule), // a moment may tell it later
    watch(() => live.store.episodes_revision, scheduleWhenCalm),
  ];

  return {
    view,
    rows: () => shown,
    /** Be told after each change of what is to be drawn; returns what ends it. */
    onDraw(listener: () => void) {
      listeners.add(listener);
      if (shown) listener();
      return () => listeners.delete(listener);
    },
    /** Show another stretch: `newest`, `episode` or `run`. */
    show(kind: View["kind"]) {
      view.kind = kind;
      if (kind === "newest") setRows(live.steps.next - NEWEST_ROWS, live.steps.next - 1);
      schedule();
    },
    /** As after a double click: the whole run. */
    showAll() {
      this.show("run");
    },
    /** Zoom so that the row stays where it is; a factor below 1 shows fewer rows. */
    zoom(factor: number, row = (view.first + view.last) / 2) {
      const width = view.last - view.first;
      const next = Math.max(FEWEST_ROWS, Math.min(live.steps.next - 1, width * factor));
      const share = width ? (row - view.first) / width : 0.5;
      const first = row - share * next;
      zoomTo(first, first + next);
    },
    pan(rows: number) {
      if (Math.round(rows)) zoomTo(view.first + Math.round(rows), view.last + Math.round(rows));
    },
    /** [from, to] of the x axis, in rows or in milliseconds. */
    range(): [from: number, to: number] {
      if (view.axis === "step" || !shown?.row.length) return [view.first, Math.max(view.last, view.first + 1)];
      const times = shown.time_unix_millis;
      const from = times[Math.max(0, placeOf(shown.row, view.first))] as number;
      const to = times[Math.max(0, placeOf(shown.row, view.last))] as number;
      return [from, Math.max(to, from + 1)];
    },
    /** x of an entry of `rows()`. */
    x: (i: number): number => (view.axis === "step" ? shown?.row[i] : shown?.time_unix_millis[i]) ?? NaN,
    /** The shown row at a share of the width, 0 to 1; null where there is none. */
    rowAt(share: number): number | null {
      if (!shown?.row.length) return null;
      const [from, to] = this.range();
      const x = from + share * (to - from);
      const xs = view.axis === "step" ? shown.row : shown.time_unix_millis;
      const left = Math.max(0, placeOf(xs, x));
      const right = Math.min(left + 1, xs.length - 1);
      const isLeft = x - (xs[left] as number) <= (xs[right] as number) - x;
      return shown.row[isLeft ? left : right] ?? null;
    },
    /** Where a row is, as a share of the width; null where it is not shown. */
    shareOf(row: number | null): number | null {
      if (row === null || !shown?.row.length || row < view.first || row > view.last) return null;
      const [from, to] = this.range();
      const i = placeOf(shown.row, row);
      if (i < 0) return null;
      const x = view.axis === "step" ? row : (shown.time_unix_millis[i] as number);
      return (x - from) / (to - from);
    },
    close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      if (calm !== null) clearTimeout(calm);
      if (frame !== null) cancelAnimationFrame(frame);
      offs.forEach((off) => off());
    },
  };
}
