// In which order panels start, and which of them is stopped when one loops for ever.
//
// A browser may run all frames of one site in one process: Chromium keeps them out of the page's, but not apart. Where one
// loops, all are silent; none of them can be ended alone, and nothing says which it was. So they start one after another:
// what is silent while one starts is that one's doing. The others are taken away with it, which ends the process, and start
// again. Where none was starting, all start again, and the one that loops does so at once, as it draws the same step; where
// it does not, and it happens a second time, all are stopped.
import { SILENT } from "@/own/watchdog";

const PROCESS_ENDS_MILLIS = 3000; // a frame that came sooner would come into the process that hangs

export const ONE_OF_THEM = "It does not answer any more, nor do the other panels: one of them loops for ever.";

/** A panel that takes its turn. */
export interface Starter {
  start(): void;
  /** Take the frame away; it starts again when it is its turn. */
  takeAway(): void;
  stop(reason: string): void;
  isSilent(): boolean;
}

export type Turns = ReturnType<typeof turnsOfPanels>;

export function turnsOfPanels() {
  const running = new Set<Starter>();
  let waiting: Starter[] = [];
  let starting: Starter | null = null;
  let isPaused = false;
  let isSecond = false;

  function next(): void {
    if (isPaused || starting) return;
    starting = waiting.shift() ?? null;
    if (!starting) return;
    running.add(starting);
    starting.start();
  }

  function leave(one: Starter): void {
    running.delete(one);
    waiting = waiting.filter((other) => other !== one);
    if (starting === one) starting = null;
    next();
  }

  function pause(): void {
    isPaused = true;
    setTimeout(() => {
      isPaused = false;
      next();
    }, PROCESS_ENDS_MILLIS);
  }

  return {
    /** It wants to start. */
    enter(one: Starter): void {
      waiting.push(one);
      next();
    },
    /** It has started. */
    settle(one: Starter): void {
      if (starting === one) starting = null;
      next();
    },
    /** It is gone, or was stopped. */
    leave,
    /** It does not answer. */
    silence(one: Starter): void {
      if (!running.has(one)) return; // it was taken away for another one's sake
      const silent = [...running].filter((other) => other === one || other.isSilent());
      const guilty = silent.length === 1 ? one : silent.find((other) => other === starting);
      pause();
      silent.forEach(leave);
      for (const other of silent) {
        if (other === guilty) other.stop(SILENT);
        else if (!guilty && isSecond) other.stop(ONE_OF_THEM);
        else {
          other.takeAway();
          waiting.push(other);
        }
      }
      isSecond ||= !guilty;
    },
  };
}
