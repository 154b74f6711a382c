import { expect, test } from "vitest";
import { CHARTS, chartsOf, isTold, pointsOf, wordsAt } from "@/graphs/hypothesis_course";
import { sliceOf } from "@/steps/row_slices";
import { StepColumns } from "@/server/step_columns";
import { stepRows } from "./step_rows";

/** Rows 8 to 12, an episode ends with row 9; sampling in rows 8, 9 and 11. */
function shown(isSampled = true) {
  const rows = stepRows(8, 5);
  const module = rows.learning_modules.LM_0 as (typeof rows.learning_modules)[string];
  module.hypothesis_count = [300, 340, null, 100, 100];
  if (isSampled) {
    module.hypotheses_added = [300, 60, null, 100, null];
    module.hypotheses_removed = [0, 20, null, 0, null];
    module.hypothesis_age_median = [1, 1.5, null, 1, null];
    module.hypothesis_age_max = [1, 2, null, 1, null];
    module.evidence_slope_max = [null, -0.25, null, null, null];
  }
  const steps = new StepColumns();
  steps.clear(8);
  steps.append(rows);
  const slice = sliceOf(steps, 8, 12);
  return { rows: slice, module: slice.learning_modules.LM_0 as NonNullable<(typeof slice.learning_modules)[string]> };
}

const lineOf = (id: string, at: number) => {
  const line = CHARTS.find((chart) => chart.id === id)?.lines[at];
  if (!line) throw new Error(id);
  return line;
};

test("a line is broken between two episodes, not where a step tells nothing", () => {
  const { module, rows } = shown();
  expect(pointsOf(module, rows, lineOf("count", 0), (i) => i)).toEqual([
    [0, 300],
    [1, 340],
    [2, null],
    [3, 100],
    [4, 100],
  ]);
});

test("what was removed stands below what was added, at its very step", () => {
  const { module, rows } = shown();
  const stems = (at: number) => pointsOf(module, rows, lineOf("changes", at), (i) => i);
  expect(stems(0).filter(([, value]) => value)).toEqual([
    [0, 300],
    [1, 60],
    [3, 100],
  ]);
  expect(stems(1).filter(([, value]) => value)).toEqual([[1, -20]]);
  expect(stems(1).slice(3, 6)).toEqual([
    [1, 0],
    [1, -20],
    [1, null],
  ]);
});

test("without burst sampling there is the number alone", () => {
  const { module, rows } = shown(false);
  expect(chartsOf(module, rows).map(({ id }) => id)).toEqual(["count"]);
  expect(isTold(module, rows, "hypotheses_added")).toBe(false);
  const sampled = shown();
  expect(chartsOf(sampled.module, sampled.rows).map(({ id }) => id)).toEqual(["count", "changes", "ages", "slope"]);
});

test("a step in words", () => {
  const { module } = shown();
  expect(wordsAt(module, 1)).toBe(
    "340 hypotheses · 60 added, 20 removed · median age 1.5, oldest 2 · steepest slope -0.25",
  );
  expect(wordsAt(module, 2)).toBe("");
  expect(wordsAt(shown(false).module, 0)).toBe("300 hypotheses");
});
