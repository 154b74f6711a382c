import { expect, test } from "vitest";
import { StepColumns } from "@/server/step_columns";
import { stepRows } from "./step_rows";

test("rows are taken in once, and what is absent is marked", () => {
  const steps = new StepColumns();
  expect(steps.append(stepRows(0, 3))).toEqual([0, 3]);
  expect(steps.append(stepRows(1, 2))).toBeNull();
  expect(steps.append(stepRows(2, 3))).toEqual([3, 5]);
  expect([...Array(5).keys()].map((at) => steps.columns.step.values[at])).toEqual([0, 1, 2, 3, 4]);
  expect(steps.columns.time_unix_millis.values[4]).toBe(4000);
  expect(steps.columns.step_secs.values[0]).toBeNaN();
  expect(steps.columns.mode.values[4]).toBe("eval");
  const { columns, evidence } = steps.learning_modules.LM_0!;
  expect([columns.possible.values[0], columns.terminal.values[0]]).toEqual([-1, null]);
  expect([columns.location.values[12], columns.location.values[14]]).toEqual([4, NaN]);
  expect(evidence[0]!.values[3]).toBe(1.5);
  expect(steps.sensors.patch!.columns.on_object.values[0]).toBe(-1);
});

test("an object that is learned later has no evidence before", () => {
  const steps = new StepColumns();
  steps.append(stepRows(0, 2));
  steps.append(stepRows(2, 1, ["mug", "bowl"]));
  const bowl = steps.learning_modules.LM_0!.evidence[1]!;
  expect([bowl.values[0], bowl.values[2]]).toEqual([NaN, 1]);
});

test("the oldest rows go when there are very many, and clear begins anew", () => {
  const steps = new StepColumns();
  for (let first = 0; first < 26000; first += 2000) steps.append(stepRows(first, 2000));
  expect([steps.first, steps.next, steps.count]).toEqual([5000, 26000, 21000]);
  expect(steps.columns.total_step.values[0]).toBe(5000);
  expect(steps.learning_modules.LM_0!.columns.location.values[3]).toBe(5001);
  steps.clear(7);
  expect([steps.first, steps.next, steps.learning_modules]).toEqual([7, 7, {}]);
});
