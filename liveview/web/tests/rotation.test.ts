import { expect, test } from "vitest";
import { eulerDegs, hypothesisEulerDegs, rotationText } from "@/look/rotation";

type Quaternion = [number, number, number, number];
type Angles = [number, number, number];

// Expected: scipy.spatial.transform.Rotation.from_quat(...).as_euler("xyz", degrees=True)
const CASES: [Quaternion, Angles][] = [
  [
    [0, 0, 0, 1],
    [0, 0, 0],
  ],
  [
    [0, 0.382683432, 0, 0.923879533],
    [0, 45, 0],
  ],
  [
    [0.038134576, 0.189307857, 0.239298338, 0.951548525],
    [10, 20, 30],
  ],
  [
    [-0.533445957, -0.548580393, 0.462748741, -0.447614306],
    [-170, 80, 100],
  ],
  [
    [0, 0, -0.707106781, 0.707106781],
    [0, 0, -90],
  ],
  [
    [0.579968661, 0.131559951, 0.321780337, 0.736739945],
    [72.6935, -10.3345, 39.5739],
  ],
  [
    [-0.15288668, -0.020641359, -0.783658736, 0.601729659],
    [-9.0467, -15.335, -103.7421],
  ],
];

test.each(CASES)("%j is %j", (quaternion, angles) => {
  eulerDegs(quaternion).forEach((angle, i) => expect(angle).toBeCloseTo(angles[i] as number, 3));
});

test.each([
  [
    [0.183012701892, 0.683012701892, -0.183012701892, 0.683012701892],
    [30, 90, 0],
  ],
  [
    [-0.353553390593, -0.612372435696, -0.353553390593, 0.612372435696],
    [-60, -90, 0],
  ],
] as [Quaternion, Angles][])("straight up or down the third angle is 0: %j", (quaternion, angles) => {
  eulerDegs(quaternion).forEach((angle, i) => expect(angle).toBeCloseTo(angles[i] as number, 3));
});

test("a hypothesis' rotation is what Monty writes into its results", () => {
  // Of the demo's second evaluation episode: the quaternion of its last step, and most_likely_rotation of its results.
  const [x] = hypothesisEulerDegs([0, 0.382683432, 0, 0.923879533]);
  expect(x).toBeCloseTo(0, 6);
  expect(rotationText(hypothesisEulerDegs([0, 0.382683432, 0, 0.923879533]))).toBe("0, -45, 0°");
});

test("rotations in words", () => {
  expect(rotationText([0, 45.0004, -0.2])).toBe("0, 45, 0°");
  expect(rotationText([0, 45.26, 1e-9], 1)).toBe("0, 45.3, 0°");
  for (const unknown of [null, undefined, [], [1, 2], [1, null, 2], [NaN, 1, 2]])
    expect(rotationText(unknown)).toBe("");
});
