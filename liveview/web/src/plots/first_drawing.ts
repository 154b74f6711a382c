// What waits until the evidence was drawn for the first time, because nobody looks at it before; where there is none, a moment.

const PATIENCE_MILLIS = 1000;

let resolve: () => void = () => {};
const drawing = new Promise<void>((done) => {
  resolve = done;
  setTimeout(done, PATIENCE_MILLIS);
});

let isNoted = false;

/** Say that the evidence was drawn; the first time is a mark in the browser's own timeline, too. */
export function noteDrawing(): void {
  if (!isNoted) performance.mark("evidence-drawn");
  isNoted = true;
  resolve();
}

/** Resolved after the first drawing of evidence in this page. */
export const afterFirstDrawing = () => drawing;
