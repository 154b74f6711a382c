import { expect, test } from "vitest";
import { StepColumns } from "@/server/step_columns";
import { beginsEpisode, episodesIn, joined, placeOf, sliceOf } from "@/steps/row_slices";
import { stepRows } from "./step_rows";

function steps(...parts: [number, number][]) {
  const columns = new StepColumns();
  for (const [first, count] of parts) columns.append(stepRows(first, count));
  return columns;
}

test("rows that came before are not taken twice", () => {
  const columns = steps([0, 5]);
  expect(columns.append(stepRows(3, 4))).toEqual([5, 7]);
  expect(columns.append(stepRows(0, 7))).toBeNull();
  expect(columns.count).toBe(7);
});

test("a stretch has what was put in", () => {
  const cut = sliceOf(steps([0, 30]), 8, 12);
  expect(cut.row).toEqual([8, 9, 10, 11, 12]);
  expect(Array.from(cut.learning_modules.LM_0!.evidence[0]!)).toEqual([4, 4.5, 5, 5.5, 6]);
  expect(cut.sensors.patch!.location[2]).toEqual([10, 0, 0]);
  expect(episodesIn(cut)).toEqual([
    [0, 1],
    [2, 4],
  ]);
});

test("the oldest rows go when there are too many, and a stretch has only what is left", () => {
  const columns = steps([0, 25_001]);
  expect(columns.first).toBe(5000);
  expect(sliceOf(columns, 0, 5001).row).toEqual([5000, 5001]);
  expect(sliceOf(columns, 25_000, 25_000).learning_modules.LM_0!.evidence[0]![0]).toBe(12_500);
});

test("a part that was silent lately is as long as the others", () => {
  const columns = steps([0, 3]);
  columns.append({ ...stepRows(3, 2000), sensors: {} });
  const { on_object: touched } = sliceOf(columns, 0, 2002).sensors.patch!;
  expect([touched.length, touched[0], touched.at(-1)]).toEqual([2003, -1, -1]);
});

test("two stretches are joined without what they have in common", () => {
  const all = steps([0, 20]);
  const both = joined(sliceOf(all, 0, 9), sliceOf(all, 5, 14));
  expect(both.row).toEqual(Array.from({ length: 15 }, (_, i) => i));
  expect(both.learning_modules.LM_0!.evidence[0]).toHaveLength(15);
  expect(beginsEpisode(both, 10)).toBe(true);
});

test("places in a rising list", () => {
  expect([0, 1, 4, 9, 10].map((value) => placeOf([1, 3, 9], value))).toEqual([-1, 0, 1, 2, 2]);
});
