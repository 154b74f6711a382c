import { expect, test } from "vitest";
import { type Occasion, occasionsOf } from "@/shell/occasions";

const run = { run: "r", status: "running", stalled: false, modes: null };
const outcomes = (mode: string, words: Record<string, number>) => ({ modes: { [mode]: { outcomes: words } } });

test.each([
  [{}, []],
  [{ status: "completed" }, ["finished"]],
  [{ status: "error" }, ["failed"]],
  [{ status: "disconnected", stalled: true }, ["stalled", "disconnected"]],
  [{ status: "aborted" }, []],
  [outcomes("eval", { correct: 3, correct_mlh: 1, confused: 0, no_outcome: 2 }), []],
  [outcomes("eval", { correct: 3, time_out: 1 }), ["first failed episode"]],
  [outcomes("train", { no_match: 4 }), []],
  [outcomes("eval", { no_match: 1 }), ["first failed episode"]],
] as [object, Occasion[]][])("of %j it tells %j", (what, told) => {
  expect(occasionsOf({ ...run, ...what })).toEqual(told);
});
