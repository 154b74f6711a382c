import { describe, expect, test } from "vitest";
import { bands, csvOf, marksOf, nearest, placesOf, smoothed } from "@/metrics/course";
import { lookIn, lookText, settingsOf } from "@/metrics/settings_text";
import { fileName } from "@/plots/download";

describe("smoothing", () => {
  test("begins at the first value and forgets the ones before", () => {
    expect(smoothed([2, 2, 2], 0.9)).toEqual([2, 2, 2].map((value) => expect.closeTo(value, 12)));
    // By hand: 0.6 * 0 + 0.4 * 1 = 0.4, / 0.4 = 1; 0.6 * 0.4 + 0.4 * 6 = 2.64, / 0.64 = 4.125
    expect(smoothed([1, 6], 0.6)).toEqual([expect.closeTo(1, 12), expect.closeTo(4.125, 12)]);
  });

  test("what is no number stays none and changes nothing", () => {
    expect(smoothed([1, null, 6], 0.6)).toEqual([expect.closeTo(1, 12), null, expect.closeTo(4.125, 12)]);
    expect(smoothed([], 0.6)).toEqual([]);
  });
});

test("bands hold the least and the greatest of each part", () => {
  expect(bands([0, 1, 2, 10], [3, null, 1, 7], 2)).toEqual([
    { place: 2.5, low: 1, high: 3 },
    { place: 7.5, low: 7, high: 7 },
  ]);
  expect(bands([5], [1], 4)).toHaveLength(1);
  expect(bands([], [], 4)).toEqual([]);
});

describe("as a table", () => {
  const course = {
    times_unix_millis: [0, 2],
    values: [1, 0.5],
    axes: {},
    not_finite: [{ time_unix_millis: 1, kind: "nan", count: 1, axes: {} }],
  };

  test("everything in the order of time, and a note where it is thinned", () => {
    const rows = "1970-01-01T00:00:00.000Z,0,1\n1970-01-01T00:00:00.001Z,1,nan\n1970-01-01T00:00:00.002Z,2,0.5\n";
    expect(csvOf("loss", { ...course, is_whole: true })).toBe(`time,unix_millis,loss\n${rows}`);
    expect(csvOf("loss", { ...course, is_whole: false })).toMatch(/^# the least and the greatest of each stretch/);
  });

  test("step, epoch and episode are columns where there are any", () => {
    const axes = { step: [7, null], epoch: [0.5, 1] };
    const not_finite = [{ time_unix_millis: 1, kind: "inf", count: 1, axes: { step: 8, episode: 2 } }];
    expect(csvOf("loss", { ...course, axes, not_finite, is_whole: true })).toBe(
      "time,unix_millis,step,epoch,episode,loss\n" +
        "1970-01-01T00:00:00.000Z,0,7,0.5,,1\n1970-01-01T00:00:00.001Z,1,8,,2,inf\n1970-01-01T00:00:00.002Z,2,,1,,0.5\n",
    );
  });

  test.each([
    ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
    ['a,"b"', '"a,""b"""'],
    ["two\nlines", '"two\nlines"'],
  ])("a name is a name: %j", (name, written) => {
    expect(csvOf(name, { ...course, is_whole: true }).split("unix_millis,")[1]).toMatch(written);
  });
});

test.each([
  null,
  "",
  "{",
  "[]",
  "null",
  '{"smoothing":"x","axis":7,"pinned":{}}',
  '{"smoothing":-1,"pinned":[1,null]}',
])("settings of %j are those of the beginning", (text) => {
  expect(settingsOf(text)).toEqual({ isLog: false, smoothing: 0, axis: "time", pinned: [] });
});

test("settings are remembered, within their limits", () => {
  const text = '{"isLog":true,"smoothing":2,"axis":"elapsed","pinned":["loss"]}';
  expect(settingsOf(text)).toEqual({ isLog: true, smoothing: 0.99, axis: "elapsed", pinned: ["loss"] });
});

test.each([
  ["step-log-0.6", { axis: "step", isLog: true, smoothing: 0.6 }],
  ["elapsed", { axis: "elapsed", isLog: false, smoothing: 0 }],
  ["log", { axis: "time", isLog: true, smoothing: 0 }],
  ["", { axis: "time", isLog: false, smoothing: 0 }],
] as const)("the address %j is %j, and back", (text, look) => {
  expect(lookIn(text)).toEqual(look);
  expect(lookText(look)).toBe(text);
});

test.each(["nonsense", "constructor-__proto__", "step step", "-1-NaN-Infinity%"])(
  "an address %j changes nothing",
  (text) => {
    expect(lookIn(text)).toEqual({ axis: "time", isLog: false, smoothing: expect.toSatisfy((n) => n <= 0.99) });
  },
);

test("values and marks stand where they were published to stand", () => {
  const not_finite = [9, 4].map((step) => ({ time_unix_millis: 50 - step, kind: "nan", count: 1, axes: { step } }));
  const course = { times_unix_millis: [3, 1], values: [1, 2], axes: { step: [5, 7] }, not_finite, is_whole: true };
  expect([placesOf(course, "time"), placesOf(course, "elapsed")]).toEqual([
    [3, 1],
    [3, 1],
  ]);
  expect([placesOf(course, "step"), placesOf(course, "epoch")]).toEqual([[5, 7], []]);
  expect(marksOf(course, "step").map(({ place }) => place)).toEqual([4, 9]);
  expect(marksOf(course, "time").map(({ place }) => place)).toEqual([41, 46]);
});

test("a file's name has nothing in it that a file system does not take", () => {
  expect(fileName("../../etc/<loss>\n")).toBe(".._.._etc_loss_");
  expect(fileName("")).toBe("chart");
});

test.each([
  [[], 5, -1],
  [[3], 5, 0],
  [[0, 10, 20], -5, 0],
  [[0, 10, 20], 14, 1],
  [[0, 10, 20], 15, 2],
  [[0, 10, 20], 99, 2],
])("of %j the nearest to %d is at %d", (times, time, place) => {
  expect(nearest(times, time)).toBe(place);
});
