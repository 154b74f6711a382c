// What the page and the frame of a panel say to each other, over a channel of their own. Pure.
// A frame runs code of others: what it says is taken for what it claims to be only after a look at it.
import type { Colours, Run, Selected, Where } from "@/own/panel";

const WHERES: readonly Where[] = ["above", "left", "right", "below"];
const MOST_CHARACTERS = { title: 80, reason: 1500 };
const MOST_PIXELS = 4000;
const WORDS = WHERES.map((word) => `"${word}"`).join(", ");

export const NOT_DESCRIBED = `\`title\` must be text, and \`where\` one of ${WORDS}`;

/** What of a run the page answers when it is asked. */
export type Asked = Omit<Run, "name" | "worker" | "selected" | "rows" | "colours" | "on" | "select">;

/** What a panel always knows; it is sent again after each change. `revisions` count what has come. */
export interface State {
  selected: Selected | null;
  rows: number;
  colours: Colours;
  revisions: { episodes: number; metrics: number; data: number };
}

/** With what a frame begins. Without `run` it only says what the panel is. */
export interface Beginning {
  name: string;
  source: string;
  run: { name: string; worker: string; state: State } | null;
}

export type ToFrame =
  | { kind: "state"; state: State }
  | { kind: "answer"; id: number; value: unknown }
  | { kind: "refusal"; id: number; reason: string }
  | { kind: "ping" };

export type FromFrame =
  | { kind: "described"; title: string; where: Where }
  | { kind: "ask"; id: number; what: keyof Asked; given: unknown[] }
  | { kind: "select"; row: number }
  | { kind: "height"; pixels: number }
  | { kind: "failed"; reason: string }
  | { kind: "escape" }
  | { kind: "started" }
  | { kind: "pong" };

type Said = Record<string, unknown>;

const CHECKS: { [Kind in FromFrame["kind"]]: (said: Said) => Omit<Extract<FromFrame, { kind: Kind }>, "kind"> | null } =
  {
    described: ({ title, where }) =>
      isWhere(where) && typeof title === "string" ? { title: title.slice(0, MOST_CHARACTERS.title), where } : null,
    ask: ({ id, what, given }) =>
      isWhole(id) && typeof what === "string" && Array.isArray(given) ? { id, what: what as keyof Asked, given } : null,
    select: ({ row }) => (isWhole(row) ? { row } : null),
    height: ({ pixels }) => (isWhole(pixels) ? { pixels: Math.min(pixels, MOST_PIXELS) } : null),
    failed: ({ reason }) => (typeof reason === "string" ? { reason: reason.slice(0, MOST_CHARACTERS.reason) } : null),
    escape: () => ({}),
    started: () => ({}),
    pong: () => ({}),
  };

/** What a frame said; null if that is nothing that a frame says. */
export function heard(said: unknown): FromFrame | null {
  if (typeof said !== "object" || said === null) return null;
  const { kind } = said as Said;
  if (typeof kind !== "string" || !Object.hasOwn(CHECKS, kind)) return null;
  const checked = CHECKS[kind as FromFrame["kind"]](said as Said);
  if (!checked && kind === "described") return { kind: "failed", reason: NOT_DESCRIBED };
  return checked && ({ kind, ...checked } as FromFrame);
}

function isWhere(word: unknown): word is Where {
  return WHERES.includes(word as Where);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
