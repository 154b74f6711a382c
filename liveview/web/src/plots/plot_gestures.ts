// The mouse, the fingers and the keys on a plot over steps: zoom, pan, look at, select.
import { LEFT, RIGHT } from "@/plots/plot_margins";

const DRAG_PIXELS = 4;
const LEAST_PINCH_PIXELS = 20;
const SCROLL_MILLIS = 250; // a page that is being scrolled is not caught by the plot that comes below the mouse
const KEYS: Record<string, number> = { "+": 0.5, "=": 0.5, "-": 2 };

let scrolledAt = -SCROLL_MILLIS;
addEventListener("wheel", () => (scrolledAt = performance.now()), { passive: true });

/** What is zoomed and panned: rows of a run, or microseconds. */
export interface Stretch {
  view: { first: number; last: number; hover: number | null };
  rowAt: (share: number) => number | null;
  zoom: (factor: number, at?: number) => void;
  pan: (rows: number) => void;
  showAll: () => void;
}

/** Make an element zoom and select in `course`; `select(row)` on a click. Returns what ends it. */
export function handlePlot(element: HTMLElement, course: Stretch, select: (row: number) => void): () => void {
  let drag: { x: number; from: number; moved: boolean } | null = null;
  let pinch: { pixels: number; rows: number } | null = null;
  let restRows = 0;
  const fingers = new Map<number, number>(); // pointerId -> x in pixels

  const width = () => Math.max(1, element.clientWidth - LEFT - RIGHT);
  const shareAt = (event: { clientX: number }) =>
    (event.clientX - element.getBoundingClientRect().left - LEFT) / width();
  const rowsPerPixel = () => (course.view.last - course.view.first) / width();

  function onWheel(event: WheelEvent) {
    const isPassingBy = performance.now() - scrolledAt < SCROLL_MILLIS;
    if (isPassingBy && !event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      restRows += (event.deltaX || event.deltaY) * rowsPerPixel();
      const whole = Math.trunc(restRows);
      restRows -= whole;
      course.pan(whole);
      return;
    }
    const pixels = event.deltaMode === 1 ? event.deltaY * 30 : event.deltaY;
    course.zoom(Math.exp(Math.max(-200, Math.min(200, pixels)) / 400), course.rowAt(shareAt(event)) ?? undefined);
  }

  function apart(): number {
    const [one = 0, other = 0] = fingers.values();
    return Math.max(LEAST_PINCH_PIXELS, Math.abs(one - other));
  }

  /** Two fingers: the row between them stays, and as many more or fewer are shown as they came closer or went apart. */
  function onPinch(begun: { pixels: number; rows: number }) {
    const rows = course.view.last - course.view.first;
    const middle = [...fingers.values()].reduce((sum, x) => sum + x, 0) / fingers.size;
    const wished = (begun.rows * begun.pixels) / apart();
    if (rows > 0) course.zoom(wished / rows, course.rowAt(shareAt({ clientX: middle })) ?? undefined);
  }

  function onDown(event: PointerEvent) {
    if (event.button !== 0) return;
    if (event.isPrimary) fingers.clear(); // the first finger: of one before it the end may have gone elsewhere
    if (event.pointerType === "touch") fingers.set(event.pointerId, event.clientX);
    if (fingers.size > 1) {
      drag = null;
      pinch = { pixels: apart(), rows: course.view.last - course.view.first };
      return;
    }
    drag = { x: event.clientX, from: course.view.first, moved: false };
    element.setPointerCapture(event.pointerId);
  }

  function onMove(event: PointerEvent) {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event.clientX);
    if (pinch) {
      onPinch(pinch);
      return;
    }
    const share = shareAt(event);
    course.view.hover = share >= 0 && share <= 1 && event.pointerType !== "touch" ? course.rowAt(share) : null;
    if (!drag) return;
    const pixels = event.clientX - drag.x;
    if (Math.abs(pixels) > DRAG_PIXELS) drag.moved = true;
    if (drag.moved) course.pan(drag.from - Math.round(pixels * rowsPerPixel()) - course.view.first);
  }

  function onUp(event: PointerEvent) {
    fingers.delete(event.pointerId);
    pinch = null;
    if (drag && !drag.moved && event.type === "pointerup") {
      const row = course.rowAt(Math.max(0, Math.min(1, shareAt(event))));
      if (row !== null) select(row);
    }
    drag = null;
  }

  function onLeave() {
    course.view.hover = null;
  }

  function onKey(event: KeyboardEvent) {
    const factor = KEYS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || factor === undefined) return;
    event.preventDefault();
    course.zoom(factor);
  }

  function onDoubleClick() {
    course.showAll();
  }

  const ending = new AbortController();
  const { signal } = ending;
  element.addEventListener("pointerdown", onDown, { signal });
  element.addEventListener("pointermove", onMove, { signal });
  element.addEventListener("pointerup", onUp, { signal });
  element.addEventListener("pointercancel", onUp, { signal });
  element.addEventListener("pointerleave", onLeave, { signal });
  element.addEventListener("dblclick", onDoubleClick, { signal });
  element.addEventListener("keydown", onKey, { signal });
  element.addEventListener("wheel", onWheel, { signal, passive: false });
  return () => ending.abort();
}
