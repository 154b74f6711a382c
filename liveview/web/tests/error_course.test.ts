import { expect, test } from "vitest";
import { errorCourse } from "@/evidence/error_course";
import type { Slice } from "@/steps/row_slices";
import { stepRows } from "./step_rows";

/** Twenty steps of two episodes, and what was noted in some of them. */
function rowsWith(noted: {
  errors?: Record<number, number>;
  goals?: number[];
  answers?: Record<number, number>;
}): Slice {
  const rows = stepRows(0, 20);
  const module = rows.learning_modules.LM_0!;
  module.prediction_error = rows.row.map((row) => noted.errors?.[row] ?? null);
  module.goal = rows.row.map((row) => Number(noted.goals?.includes(row) ?? false));
  module.is_goal_achieved = rows.row.map((row) => noted.answers?.[row] ?? -1);
  return rows;
}

test("the errors of the row's own episode", () => {
  const rows = rowsWith({ errors: { 3: 0.5, 11: 0.25, 14: 1, 15: NaN } });
  expect(errorCourse(rows, "LM_0", 12)).toEqual({
    errors: [
      [1, 0.25],
      [4, 1],
    ],
    goals: [],
    first: 0,
    last: 9,
    at: 2,
  });
});

test("a goal state is reached if Monty says so the next time it looks, within the episode", () => {
  const rows = rowsWith({ goals: [1, 4, 9], answers: { 2: 1, 6: 0, 10: 1 } });
  const tried = errorCourse(rows, "LM_0", 0)?.goals;
  expect(tried?.map(({ step, isReached }) => [step, isReached])).toEqual([
    [1, true],
    [4, false],
    [9, null],
  ]);
});

test("the answer to one goal state may come with the next one", () => {
  const tried = errorCourse(rowsWith({ goals: [1, 2], answers: { 2: 0, 3: 1 } }), "LM_0", 0)?.goals;
  expect(tried?.map(({ isReached }) => isReached)).toEqual([false, true]);
});

test("where nothing was noted there is no course", () => {
  expect(errorCourse(rowsWith({}), "LM_0", 3)).toBeNull();
  expect(errorCourse(rowsWith({ errors: { 3: 1 } }), "LM_1", 3)).toBeNull();
  expect(errorCourse(rowsWith({ errors: { 3: 1 } }), "LM_0", null)).toBeNull();
  expect(errorCourse(null, "LM_0", 3)).toBeNull();
});
