import { expect, test } from "vitest";
import { endedModesOf, modesOf, modeWords } from "@/look/modes";

const head = { modes: { train: { episodes_done: 0 }, eval: { episodes_done: 3 } } };

test("evaluation comes first, and what has not ended an episode is left out", () => {
  expect(modesOf(head).map(([name]) => name)).toEqual(["eval", "train"]);
  expect(endedModesOf(head).map(([name]) => name)).toEqual(["eval"]);
  expect(modesOf(null)).toEqual([]);
  expect([modeWords("eval"), modeWords("other")]).toEqual(["evaluation", "other"]);
});
