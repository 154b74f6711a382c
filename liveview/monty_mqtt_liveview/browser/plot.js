// The mouse, the fingers and the keys on a plot over steps: zoom, pan, look at, select; and the two vertical lines.
export const LEFT = 46; // pixels beside the plotting area, the same in every plot, so that steps stand above each other
export const RIGHT = 12;
const DRAG_PIXELS = 4;
const LEAST_PINCH_PIXELS = 20;
const SCROLL_MILLIS = 250; // a page that is being scrolled is not caught by the plot that comes below the mouse
const KEYS = { "+": 0.5, "=": 0.5, "-": 2 };

let scrolledAt = -SCROLL_MILLIS;
addEventListener("wheel", () => (scrolledAt = performance.now()), { passive: true });

/** Make an element zoom and select in `course`; `select(row)` on a click. Returns what ends it. */
export function handlePlot(element, course, select) {
  let drag = null;
  let pinch = null;
  let restRows = 0;
  const fingers = new Map(); // pointerId -> x in pixels

  const width = () => Math.max(1, element.clientWidth - LEFT - RIGHT);
  const shareAt = (event) => (event.clientX - element.getBoundingClientRect().left - LEFT) / width();
  const rowsPerPixel = () => (course.view.last - course.view.first) / width();

  function onWheel(event) {
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

  function apart() {
    const [one, other] = fingers.values();
    return Math.max(LEAST_PINCH_PIXELS, Math.abs(one - other));
  }

  /** Two fingers: the row between them stays, and as many more or fewer are shown as they came closer or went apart. */
  function onPinch() {
    const rows = course.view.last - course.view.first;
    const middle = [...fingers.values()].reduce((sum, x) => sum + x, 0) / fingers.size;
    const wished = (pinch.rows * pinch.pixels) / apart();
    if (rows > 0) course.zoom(wished / rows, course.rowAt(shareAt({ clientX: middle })) ?? undefined);
  }

  function onDown(event) {
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

  function onMove(event) {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event.clientX);
    if (pinch) {
      onPinch();
      return;
    }
    const share = shareAt(event);
    course.view.hover = share >= 0 && share <= 1 && event.pointerType !== "touch" ? course.rowAt(share) : null;
    if (!drag) return;
    const pixels = event.clientX - drag.x;
    if (Math.abs(pixels) > DRAG_PIXELS) drag.moved = true;
    if (drag.moved) course.pan(drag.from - Math.round(pixels * rowsPerPixel()) - course.view.first);
  }

  function onUp(event) {
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

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
    event.preventDefault();
    course.zoom(KEYS[event.key]);
  }

  const handlers = {
    pointerdown: onDown,
    pointermove: onMove,
    pointerup: onUp,
    pointercancel: onUp,
    pointerleave: onLeave,
    keydown: onKey,
  };
  for (const [name, handler] of Object.entries(handlers)) element.addEventListener(name, handler);
  element.addEventListener("wheel", onWheel, { passive: false });
  return () => {
    for (const [name, handler] of Object.entries(handlers)) element.removeEventListener(name, handler);
    element.removeEventListener("wheel", onWheel);
  };
}

/** Lines at the selected step and below the mouse, above a plot that fills its parent. */
export const PlotLines = {
  props: { course: Object, selection: Object, drawn: Number },
  computed: {
    selected() {
      return this.styleAt(this.selection.row);
    },
    hovered() {
      return this.styleAt(this.course.view.hover);
    },
  },
  methods: {
    styleAt(row) {
      void this.drawn; // the rows are not reactive: their number of drawings is
      const share = this.course.shareOf(row);
      return share === null ? null : { left: `calc(${LEFT}px + (100% - ${LEFT + RIGHT}px) * ${share})` };
    },
  },
  template: `
    <div v-if="hovered" class="plot-line plot-line-hover" :style="hovered" aria-hidden="true"></div>
    <div v-if="selected" class="plot-line" data-testid="cursor" :data-row="selection.row" :style="selected" aria-hidden="true"></div>
  `,
};
