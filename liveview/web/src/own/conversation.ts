// The page's side of a panel's frame: hands over the code, answers, and stops the frame that is silent, loud or wrong.
import type { Asked, Beginning, FromFrame, State, ToFrame } from "@/own/messages";
import { heard } from "@/own/messages";
import { SILENT, TICK_MILLIS, watchdog } from "@/own/watchdog";

const MOST_AT_ONCE = 6; // requests to the server for one panel

/** What comes of a frame. After the last two nothing more comes: the caller removes the frame, and so ends its code. */
export interface Listeners {
  onSaid(said: Exclude<FromFrame, { kind: "ask" | "failed" | "pong" | "started" }>): void;
  /** It has begun, or goes on answering while it still does. */
  onStarted(): void;
  onSilent(): void;
  onFailed(reason: string): void;
}

/** Talk to the frame in `iframe`, which shows `/panel_frame`; `answers` are of the run, null if it may not ask. */
export function converse(iframe: HTMLIFrameElement, beginning: Beginning, answers: Asked | null, listeners: Listeners) {
  const { port1: port, port2 } = new MessageChannel();
  const dog = watchdog();
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  let loads = 0;
  let isOver = false;
  const timer = setInterval(tick, TICK_MILLIS);

  function tell(said: ToFrame): void {
    if (!isOver) port.postMessage(said);
  }

  function close(): void {
    isOver = true;
    clearInterval(timer);
    port.close();
    iframe.removeEventListener("load", onLoad);
    removeEventListener("message", onWindow);
    waiting.length = 0;
  }

  function stopFor(reason: string): void {
    if (!reason || isOver) return;
    close();
    listeners.onFailed(reason);
  }

  function tick(): void {
    if (document.visibilityState !== "visible" || !loads || isOver) return;
    if (dog.tick() === SILENT) listeners.onSilent();
    else tell({ kind: "ping" });
  }

  /** The frame's document has no origin, so it cannot be named; what is told to it is for anybody who may look. */
  function onLoad(): void {
    loads += 1;
    if (loads > 1) stopFor("It left its own document.");
    else iframe.contentWindow?.postMessage(beginning, "*", [port2]);
  }

  /** Its code can also reach the page's window. Nothing is heard there, but too much of it is too much. */
  function onWindow(event: MessageEvent): void {
    if (event.source === iframe.contentWindow) stopFor(dog.said());
  }

  function onMessage(event: MessageEvent): void {
    if (isOver) return;
    stopFor(dog.said());
    const said = heard(event.data);
    if (isOver || !said) return;
    dog.answered();
    if (said.kind === "started" || said.kind === "pong") listeners.onStarted();
    else if (said.kind === "failed") stopFor(said.reason);
    else if (said.kind === "ask") waitFor(said);
    else listeners.onSaid(said);
  }

  function waitFor({ id, what, given }: Extract<FromFrame, { kind: "ask" }>): void {
    waiting.push(async () => {
      try {
        if (!answers || !Object.hasOwn(answers, what)) throw new Error(`nothing is called ${String(what)}`);
        const answer = answers[what] as (...given: unknown[]) => Promise<unknown>;
        tell({ kind: "answer", id, value: await answer(...given) });
      } catch (error) {
        tell({ kind: "refusal", id, reason: (error as Error).message });
      }
    });
    work();
  }

  function work(): void {
    while (running < MOST_AT_ONCE) {
      const next = waiting.shift();
      if (!next) return;
      running += 1;
      next().finally(() => {
        running -= 1;
        work();
      });
    }
  }

  port.onmessage = onMessage;
  iframe.addEventListener("load", onLoad);
  addEventListener("message", onWindow);
  return {
    /** Tell the panel what it always knows. */
    update: (state: State) => tell({ kind: "state", state }),
    isSilent: () => dog.isSilent(),
    close,
  };
}
