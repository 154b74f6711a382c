// Runs one panel, in a frame that has no origin and no network: gets its code from the page, and all that it shows.
// A bundle of its own, which `/panel_frame` carries in its document: of other modules it imports types only.
import type { Asked, Beginning, FromFrame, State, ToFrame } from "@/own/messages";
import type { Change, Panel, Run } from "@/own/panel";

const ASKED: { [What in keyof Asked]: true } = {
  info: true,
  steps: true,
  moment: true,
  episodes: true,
  metrics: true,
  metric: true,
  data: true,
  stream: true,
  image: true,
  media: true,
  medium: true,
};
const LOOK = `
  :root { color: var(--text); background: var(--surface); font: 13px/1.45 Inter, Roboto, system-ui, sans-serif; }
  body { margin: 0; }
  #panel { padding: 8px 12px; }
`;

type Waiting = { resolve: (value: never) => void; reject: (error: Error) => void };

function begin({ name, source, run }: Beginning, port: MessagePort): void {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const tell = (said: FromFrame) => port.postMessage(said);

  function fail(error: unknown): void {
    const isError = error instanceof Error;
    const stack = isError ? (error.stack ?? "").split("\n").filter((line) => line.includes(address)) : [];
    const lines = [isError ? `${error.name}: ${error.message}` : String(error), ...stack.map((line) => line.trim())];
    tell({ kind: "failed", reason: lines.slice(0, 6).join("\n").replaceAll(address, `${name}.js`) });
  }

  addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.error ?? event.message);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  addEventListener("keydown", (event) => event.key === "Escape" && tell({ kind: "escape" }));
  const page = run ? pageOf(run, tell) : null;
  port.onmessage = (event: MessageEvent<ToFrame>) => {
    if (event.data.kind === "ping") tell({ kind: "pong" });
    else page?.take(event.data);
  };
  load(address)
    .then((panel) => {
      tell({ kind: "described", title: panel.title, where: panel.where });
      return page ? show(panel, page.run, tell) : undefined;
    })
    .then(() => tell({ kind: "started" }), fail);
}

async function load(address: string): Promise<Panel> {
  const { default: panel } = await import(/* @vite-ignore */ address);
  if (typeof panel?.mount !== "function")
    throw new Error("the file must export by default { title, where, mount(element, run) }");
  return panel;
}

async function show(panel: Panel, run: Run, tell: (said: FromFrame) => void): Promise<void> {
  const element = document.createElement("div");
  element.id = "panel";
  document.body.append(element);
  let known = 0;
  function measure(): void {
    const pixels = Math.ceil(element.getBoundingClientRect().height);
    if (pixels !== known) tell({ kind: "height", pixels: (known = pixels) });
  }
  new ResizeObserver(measure).observe(element);
  // Out of sight no frame is drawn, and nothing is observed but what the code itself changes.
  new MutationObserver(measure).observe(element, { attributes: true, childList: true, subtree: true });
  const unmount = await panel.mount(element, run);
  if (typeof unmount === "function") addEventListener("pagehide", unmount);
}

/** The run as a panel sees it, and `take` for what the page tells of it. */
function pageOf({ name, worker, state: first }: NonNullable<Beginning["run"]>, tell: (said: FromFrame) => void) {
  const listeners = new Map<Change, Set<() => void>>();
  const waiting = new Map<number, Waiting>();
  let state = first;
  let asked = 0;

  function ask(what: keyof Asked, given: unknown[]): Promise<never> {
    return new Promise((resolve, reject) => {
      waiting.set(++asked, { resolve, reject });
      tell({ kind: "ask", id: asked, what, given });
    });
  }

  function look(): void {
    const { isDark, ...colours } = state.colours;
    const { style } = document.documentElement;
    style.colorScheme = isDark ? "dark" : "light";
    for (const [colour, value] of Object.entries(colours)) style.setProperty(`--${colour}`, value);
  }

  function adopt(next: State): void {
    const before = state;
    state = next;
    look();
    for (const change of changesOf(before, next)) for (const listener of listeners.get(change) ?? []) listener();
  }

  const sheet = document.createElement("style");
  sheet.textContent = LOOK;
  document.head.append(sheet);
  look();
  const answers = Object.fromEntries(
    Object.keys(ASKED).map((what) => [what, (...given: unknown[]) => ask(what as keyof Asked, given)]),
  ) as unknown as Asked;
  const run: Run = {
    name,
    worker,
    get selected() {
      return state.selected;
    },
    get rows() {
      return state.rows;
    },
    get colours() {
      return state.colours;
    },
    on(change, listener) {
      const known = listeners.get(change) ?? new Set();
      listeners.set(change, known.add(listener));
      return () => known.delete(listener);
    },
    select(row) {
      if (!Number.isSafeInteger(row)) throw new TypeError(`no row of a step: ${String(row)}`);
      tell({ kind: "select", row: Math.max(0, row) });
    },
    ...answers,
  };
  return {
    run,
    take(said: Exclude<ToFrame, { kind: "ping" }>) {
      if (said.kind === "state") return adopt(said.state);
      const one = waiting.get(said.id);
      waiting.delete(said.id);
      if (said.kind === "answer") one?.resolve(said.value as never);
      else one?.reject(new Error(said.reason));
    },
  };
}

function changesOf(before: State, next: State): Change[] {
  const isOther = (part: (state: State) => unknown) => JSON.stringify(part(before)) !== JSON.stringify(part(next));
  const changes: [Change, boolean][] = [
    ["colours", isOther((state) => state.colours)],
    ["steps", before.rows !== next.rows],
    ["episodes", isOther((state) => state.revisions.episodes)],
    ["metrics", isOther((state) => state.revisions.metrics)],
    ["data", isOther((state) => state.revisions.data)],
    ["selected", isOther((state) => state.selected)],
  ];
  return changes.filter(([, isNew]) => isNew).map(([change]) => change);
}

addEventListener("message", function listen(event: MessageEvent<Beginning>) {
  const [port] = event.ports;
  if (event.source !== parent || !port) return;
  removeEventListener("message", listen);
  begin(event.data, port);
});
