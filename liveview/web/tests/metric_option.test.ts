import { expect, test } from "vitest";
import {
  hiddenWords,
  latestWords,
  leftOutWords,
  type MetricLook,
  metricOption,
  notFiniteWords,
  placeWords,
  stretchWords,
} from "@/metrics/metric_option";

const told = {
  times_unix_millis: [0, 10, 20, 30],
  values: [1, 2, 3, 4],
  axes: { step: [100, 101, 105, 200] } as Record<string, number[]>,
  not_finite: [{ time_unix_millis: 15, kind: "nan", count: 1, axes: { step: 150 } as Record<string, number> }],
  is_whole: true,
};
const plain: MetricLook = { isLog: false, smoothing: 0, axis: "time", origin: 0 };

function seriesOf(look = plain, course = told): Record<string, unknown[]> {
  const metrics = [{ name: "loss", course, colour: "blue" }];
  const { series } = metricOption(metrics, [0, 30], look, { warn: "red" });
  return Object.fromEntries(series.map(({ id, data }) => [id, data as unknown[]]));
}

test("a line is broken where a value was not finite, and the mark stands there", () => {
  const drawn = seriesOf();
  expect(drawn.values).toEqual([
    [0, 1],
    [10, 2],
    [20, null],
    [20, 3],
    [30, 4],
  ]);
  expect(drawn.not_finite).toEqual([{ value: [15, 0.03], symbol: "diamond" }]);
});

test("what is not finite is called by its name", () => {
  expect([latestWords(null, "inf"), latestWords(0.5, null), latestWords(null, "new")]).toEqual([
    "∞",
    "0.5",
    "no number",
  ]);
  expect(notFiniteWords({ nan: 48, inf: 2 })).toBe("48 NaN, 2 ∞");
});

test("smoothed, the raw line stays behind; the break stays a break", () => {
  const drawn = seriesOf({ ...plain, smoothing: 0.5 });
  expect(drawn.values).toHaveLength(5);
  const smooth = drawn.smooth as [number, number | null][];
  expect(smooth.map(([, value]) => value && Number(value.toFixed(3)))).toEqual([1, 1.667, null, 2.429, 3.267]);
});

test("a logarithmic axis leaves out what is not above 0, and says how much", () => {
  const course = { ...told, values: [0, -1, 3, 4] };
  expect((seriesOf({ ...plain, isLog: true }, course).values as [number, number | null][]).map(([, y]) => y)).toEqual([
    null,
    null,
    null,
    3,
    4,
  ]);
  expect(hiddenWords(course, true)).toBe("2 not above 0 are not on this axis");
  expect(hiddenWords(course, false)).toBe("");
});

test("since the start, times are counted from there", () => {
  expect((seriesOf({ ...plain, axis: "elapsed", origin: -100 }).values as number[][]).map(([x]) => x)).toEqual([
    100, 110, 120, 120, 130,
  ]);
});

test("where points are thinned there is a band from the least to the greatest", () => {
  const course = {
    times_unix_millis: [0, 1, 2, 1000],
    values: [5, 1, 9, 3],
    axes: {},
    not_finite: [],
    is_whole: false,
  };
  const { low, band } = seriesOf(plain, course);
  expect((low as number[][]).map(([, y]) => y)).toEqual([1, 3]);
  expect((band as number[][]).map(([, y]) => y)).toEqual([8, 0]);
  expect(seriesOf().band).toBeUndefined();
});

test("over the steps, values, breaks and marks stand at their steps", () => {
  const drawn = seriesOf({ ...plain, axis: "step" });
  expect(drawn.values).toEqual([
    [100, 1],
    [101, 2],
    [105, 3],
    [200, null],
    [200, 4],
  ]);
  expect(drawn.not_finite).toEqual([{ value: [150, 0.03], symbol: "diamond" }]);
  expect(seriesOf({ ...plain, axis: "episode" }).values).toEqual([]);
});

test("places are said in the words of their axis", () => {
  expect([placeWords(12_000, "step"), placeWords(0.25, "epoch"), placeWords(90_000, "elapsed")]).toEqual([
    "12,000",
    "0.25",
    "1 min 30 s",
  ]);
  expect(stretchWords([5, 7.5], { ...plain, axis: "episode" })).toBe("episode 5 to 7.5");
  expect([leftOutWords(1, "step"), leftOutWords(1200, "epoch"), leftOutWords(0, "epoch")]).toEqual([
    "1 value without a step left out",
    "1,200 values without an epoch left out",
    "",
  ]);
});
