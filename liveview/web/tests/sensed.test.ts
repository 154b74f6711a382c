import { expect, test } from "vitest";
import { numbersText } from "@/look/format";
import { actionText, colourOfFeature, sensedBy } from "@/senses/sensed";

test.each([
  [[0, 1, 1], "rgb(255, 0, 0)"],
  [[1 / 3, 1, 1], "rgb(0, 255, 0)"],
  [[2 / 3, 1, 0.5], "rgb(0, 0, 128)"],
  [[1, 1, 1], "rgb(255, 0, 0)"],
  [[0.5, 0, 0.2], "rgb(51, 51, 51)"],
  [[-0.25, 3, 2], "rgb(128, 0, 255)"], // noise takes values beyond their range
])("hsv %o is %s", (hsv, css) => {
  expect(colourOfFeature("hsv", hsv)).toBe(css);
});

test("rgba is its first three numbers", () => {
  expect(colourOfFeature("rgba", [10, 20, 300, 255])).toBe("rgb(10, 20, 255)");
});

test.each(["red", null, 3, [], [1, 2], [null, 1, 1], [NaN, 1, 1], ["1", 1, 1], {}])("no colour: %o", (value) => {
  expect(colourOfFeature("hsv", value)).toBeNull();
  expect(colourOfFeature("rgba", value)).toBeNull();
});

test("only what Monty calls a colour is one", () => {
  expect(colourOfFeature("principal_curvatures", [1, 1, 1])).toBeNull();
});

test("a colour comes first, then curvatures, the vectors of the pose at last", () => {
  const features = {
    object_coverage: 0.5,
    principal_curvatures_log: [1.5, null],
    hsv: [0, 1, 1],
    gaussian_curvature: 2,
  };
  const pose = [
    [0, 0, 1],
    [1, 0, null],
  ];
  const said = sensedBy({ features, pose_vectors: pose });
  expect(said.map(({ name, words }) => `${name}: ${words}`)).toEqual([
    "hsv: 0, 1, 1",
    "principal_curvatures_log: 1.5, –",
    "gaussian_curvature: 2",
    "object_coverage: 0.5",
    "surface normal: 0, 0, 1",
    "direction of curvature 1: 1, 0, –",
  ]);
  expect(sensedBy(undefined)).toEqual([]);
  expect(sensedBy({ features: {}, pose_vectors: null })).toEqual([]);
});

test("numbers as words", () => {
  expect([true, false, null, 1e300, [0.00001, -2]].map(numbersText)).toEqual([
    "yes",
    "no",
    "–",
    "1.00e+300",
    "1.00e-5, -2",
  ]);
});

test("an action with its amounts, with units where its names say them", () => {
  const amounts = { rotation_degrees: 5, left_distance: 0.002, location: [0.5, 1.5, null], odd: null };
  expect(actionText({ action: "orient_horizontal", amounts })).toBe(
    "orient_horizontal rotation 5°, left distance 0.002 m, location 0.5, 1.5, –, odd –",
  );
  expect(actionText({ action: "look_up", amounts: {} })).toBe("look_up");
});
