// Whether the frame of a panel still does what a panel may: it answers, and it does not say too much. Pure.

export const TICK_MILLIS = 1000;
const MOST_UNANSWERED = 4; // ticks; they are counted, not timed: a machine that slept has not lost an answer
const SUSPICIOUS = 2; // ticks
const MOST_SAID = 300; // in a tick

export const SILENT = "It does not answer any more; does it loop for ever?";
export const TOO_LOUD = `It says more than ${MOST_SAID} things in a second.`;

/** Counts what a frame says; each method returns why it must be stopped, or an empty text. */
export function watchdog() {
  let unanswered = 0;
  let said = 0;
  return {
    /** Once a second, before it is asked again. */
    tick(): string {
      said = 0;
      unanswered += 1;
      return unanswered > MOST_UNANSWERED ? SILENT : "";
    },
    /** For each message. */
    said(): string {
      said += 1;
      return said > MOST_SAID ? TOO_LOUD : "";
    },
    answered(): void {
      unanswered = 0;
    },
    /** Whether it may be silent for the same reason as another one that is. */
    isSilent: (): boolean => unanswered > SUSPICIOUS,
  };
}
