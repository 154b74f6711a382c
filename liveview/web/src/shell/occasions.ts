// What happened to a run that somebody may want to be told of: the same as `monty-mqtt up --notify` sends. Pure.

interface Mode {
  outcomes?: Record<string, number>;
}

/** What the server tells of a run, as far as it matters here. */
export interface RunHead {
  run: string;
  status: string;
  stalled: boolean;
  modes?: Record<string, Mode> | null;
}

export type Occasion = "finished" | "failed" | "disconnected" | "stalled" | "first failed episode";

const ENDS: Record<string, Occasion> = { completed: "finished", error: "failed", disconnected: "disconnected" };
const CORRECT = new Set(["correct", "correct_mlh"]);

export const WORDS: Record<Occasion, string> = {
  finished: "has finished",
  failed: "has failed",
  disconnected: "is disconnected",
  stalled: "is stalled",
  "first failed episode": "has its first failed episode",
};

/** All that has happened so far. While learning, `no_match` says that an object is new. */
export function occasionsOf({ status, stalled, modes }: RunHead): Occasion[] {
  const found: Occasion[] = [];
  const isFailure = (mode: string, outcome: string) =>
    !CORRECT.has(outcome) && outcome !== "no_outcome" && !(mode === "train" && outcome === "no_match");
  const hasFailed = Object.entries(modes ?? {}).some(([mode, { outcomes }]) =>
    Object.entries(outcomes ?? {}).some(([outcome, count]) => count > 0 && isFailure(mode, outcome)),
  );
  if (hasFailed) found.push("first failed episode");
  if (stalled) found.push("stalled");
  const end = ENDS[status];
  if (end) found.push(end);
  return found;
}
