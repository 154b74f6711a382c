import { expect, test } from "vitest";
import { barsOf } from "@/media/histogram_bars";
import { isMedium } from "@/media/kinds";

test("bars are as wide as their bins and as high as their counts", () => {
  const bars = barsOf([1, 0, 4], [0, 1, 2, 4]);
  expect(bars.map(({ x, width, height }) => [x, width, height])).toEqual([
    [0, 25, 10],
    [50, 50, 40],
  ]);
  expect(bars[1]?.title).toBe("2 to 4: 4");
});

test.each([
  [[], []],
  [[0], [0, 1]],
  [[3], [1, 1]],
  [[3, 4], [1]],
])("counts %j between edges %j have no bars", (counts, edges) => {
  expect(barsOf(counts, edges)).toEqual([]);
});

test("media are told from what else arrives", () => {
  expect(["image/x", "table/<b>"].every(isMedium)).toBe(true);
  expect(["frame/image/rgba", "hypotheses/points/x", "images/x"].some(isMedium)).toBe(false);
});
