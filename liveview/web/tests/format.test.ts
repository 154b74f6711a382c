import { expect, test } from "vitest";
import { age, byName, bytes, count, duration, many, millis, percent, secs, short, text, yesNo } from "@/look/format";

test.each([
  [12.345, "12.3"],
  [0.001234, "0.00123"],
  [12345, "12,345"],
  [1.23e-9, "1.23e-9"],
  [1e12, "1.00e+12"],
  [0, "0"],
  [-0.5, "-0.5"],
])("%d has as many digits as matter: %s", (value, words) => {
  expect(short(value)).toBe(words);
});

test.each([null, undefined, NaN, Infinity])("what is no number, as %s, is a dash", (value) => {
  expect([count, short, percent, millis, secs, duration, bytes].map((write) => write(value))).toEqual(
    Array(7).fill("–"),
  );
});

test("lengths of time are in the two units that matter", () => {
  expect([42, 200, 3840, 183_600].map(duration)).toEqual(["42 s", "3 min 20 s", "1 h 04 min", "2 d 3 h"]);
  expect([secs(12.34), secs(3600), millis(250), millis(65_000)]).toEqual([
    "12.3 s",
    "1 h 00 min",
    "250 ms",
    "1 min 05 s",
  ]);
});

test("sizes are in powers of 1,024", () => {
  expect([0, 1023, 1024, 5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "1,023 B", "1 KiB", "5 GiB"]);
});

test("how long ago is said in the largest unit", () => {
  const now = 1_700_000_000_000;
  expect([1, 59, 60, 7200, 200_000].map((past) => age(now - 1000 * past, now))).toEqual([
    "now",
    "59 s ago",
    "1 min ago",
    "2 h ago",
    "2 d ago",
  ]);
});

test("one is singular", () => {
  expect([many(1, "worker"), many(0, "worker"), many(2, "hypothesis", "hypotheses")]).toEqual([
    "1 worker",
    "0 workers",
    "2 hypotheses",
  ]);
});

test("what is not there is a dash, and what is false is said", () => {
  expect([text(""), text(0), text(null), yesNo(false), yesNo(null)]).toEqual(["–", "0", "–", "no", "–"]);
});

test("numbers in names count as numbers", () => {
  expect(["LM_10", "LM_9", "LM_1"].sort(byName)).toEqual(["LM_1", "LM_9", "LM_10"]);
});
