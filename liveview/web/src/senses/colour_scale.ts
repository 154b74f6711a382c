// Evidence as colour: cividis, made for colour-blind eyes; of it what stands out from the page, most where evidence is most.
// Source: Nuñez, Anderton, Renslow (2018), https://doi.org/10.1371/journal.pone.0199239; every eighth of the scale.
type Rgb = [red: number, green: number, blue: number];

const STOPS: Rgb[] = [
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

// Both begin at the middle, which has WCAG's least contrast for graphics, 3 to 1, with either page.
const ON_DARK = STOPS.slice(4);
const ON_LIGHT = STOPS.slice(0, 5).reverse();

const stopsOn = (isDark: boolean): Rgb[] => (isDark ? ON_DARK : ON_LIGHT);

/** Red, green and blue, 0 to 1, of a share 0 to 1, on a dark page or a light one. */
export function shadeOf(share: number, isDark: boolean): number[] {
  const stops = stopsOn(isDark);
  const at = Math.max(0, Math.min(1, share || 0)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const [before, after] = [stops[low] as Rgb, stops[low + 1] as Rgb];
  return before.map((from, i) => (from + (at - low) * ((after[i] as number) - from)) / 255);
}

/** The scale as a CSS background. */
export function scaleBackground(isDark: boolean): string {
  return `linear-gradient(to right, ${stopsOn(isDark)
    .map((stop) => `rgb(${stop.join(" ")})`)
    .join(", ")})`;
}
