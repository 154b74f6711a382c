import { expect, test } from "vitest";
import { shadeOf } from "@/senses/colour_scale";
import { type Place, hypothesesOf, isPlace, pathOnModel, turned } from "@/senses/space_data";

const HALF = Math.SQRT1_2;

test("a quarter turn around z", () => {
  const [x, y, z] = turned([0, 0, HALF, HALF], [1, 0, 0]);
  expect([x, y, z].map((part) => Math.round(1e9 * part) / 1e9 + 0)).toEqual([0, 1, 0]);
});

test("the path ends where the hypothesis is", () => {
  const places: Place[] = [
    [0, 0, 0],
    [1, 0, 0],
  ];
  const path = pathOnModel(places, { location: [5, 5, 5], rotation: [0, 0, 0, 1] });
  expect(path).toEqual([
    [4, 5, 5],
    [5, 5, 5],
  ]);
  expect(pathOnModel(places, { location: [5, 5, null] })).toBeNull();
});

test("hypotheses of one object, the strongest last", () => {
  const cloud = {
    objects: ["mug", "cup"],
    object_indices: [0, 1, 0, 0],
    locations: [
      [1, 0, 0],
      [2, 0, 0],
      [3, 0, 0],
      [NaN, 0, 0],
    ],
    evidence: [4, 9, 2, 8],
    ...{ episode: 0, step: 0 },
  };
  const shown = hypothesesOf(cloud, "mug", false);
  expect(shown).toMatchObject({ positions: [3, 0, 0, 1, 0, 0], count: 2, low: 2, high: 4 });
  expect(hypothesesOf(cloud, null, false).count).toBe(3);
  expect(hypothesesOf(null, "mug", true).count).toBe(0);
});

test("only three numbers are a place", () => {
  expect([[1, 2, 3], [1, 2], [1, 2, NaN], null].map(isPlace)).toEqual([true, false, false, false]);
});

test.each([true, false])("the strongest evidence differs most from the page (dark: %s)", (isDark) => {
  const light = (share: number) => shadeOf(share, isDark).reduce((sum: number, part: number) => sum + part, 0);
  expect(Math.sign(light(1) - light(0))).toBe(isDark ? 1 : -1);
});
