// Rotations in Monty's notation: three Euler angles "xyz" in degrees, as its configurations write them. Pure.

type Quaternion = readonly [number, number, number, number]; // x, y, z, w

const DEGS = 180 / Math.PI;
const POLE = 1 - 1e-12; // of the sine: straight up or down two of the angles say the same, and the third is 0

/**
 * Euler angles in degrees, extrinsic x, y, z, of a unit quaternion. Source: scipy's `Rotation.as_euler("xyz")`, whose
 * convention it is; the formula is in Bernardes and Viollet, PLOS ONE 17 (2022), for this one sequence.
 */
export function eulerDegs([x, y, z, w]: Quaternion): [number, number, number] {
  const sine = 2 * (w * y - z * x);
  if (Math.abs(sine) >= POLE) return [2 * Math.atan2(x, w) * DEGS, Math.sign(sine) * 90, 0];
  return [
    Math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)) * DEGS,
    Math.asin(sine) * DEGS,
    Math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)) * DEGS,
  ];
}

/** The rotation of an object that a hypothesis tells: Monty writes the inverse of how it turns what was sensed. */
export function hypothesisEulerDegs([x, y, z, w]: Quaternion): [number, number, number] {
  return eulerDegs([-x, -y, -z, w]);
}

/** "0, 45, 0°"; empty where it is not known. */
export function rotationText(eulerDegs: readonly (number | null)[] | null | undefined, digits = 0): string {
  const known = (eulerDegs ?? []).filter((angle): angle is number => Number.isFinite(angle));
  if (known.length !== 3) return "";
  return `${known.map((angle) => Number(angle.toFixed(digits)) + 0).join(", ")}°`;
}
