// Evidence as colour: cividis, made for colour-blind eyes and readable on light and dark.
// Source: Nuñez, Anderton, Renslow (2018), https://doi.org/10.1371/journal.pone.0199239; every eighth of the scale.
const STOPS = [
  [0, 34, 78],
  [34, 57, 109],
  [67, 80, 109],
  [95, 102, 112],
  [124, 123, 120],
  [155, 146, 117],
  [187, 170, 107],
  [221, 196, 88],
  [253, 231, 55],
];

/** Red, green and blue, 0 to 1, of a share 0 to 1. */
export function shadeOf(share) {
  const at = Math.max(0, Math.min(1, share || 0)) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[low].map((from, i) => (from + (at - low) * (STOPS[low + 1][i] - from)) / 255);
}

/** The scale as a CSS background. */
export const scaleBackground = `linear-gradient(to right, ${STOPS.map((stop) => `rgb(${stop.join(" ")})`).join(", ")})`;
