// What a sensor module sensed, and what was done next, as words and colours. Pure; names are Monty's.
import { numbersText } from "@/look/format";
import type { ActionTaken, SensorMoment } from "@/server/openapi";

type Amount = ActionTaken["amounts"][string];

/** One line about a sensor: `colour` as CSS writes it, where the feature is one. */
export interface Sensed {
  name: string;
  words: string;
  colour: string | null;
}

const VECTORS = ["surface normal", "direction of curvature 1", "direction of curvature 2"];

function isFull(values: unknown, count: number): values is number[] {
  return Array.isArray(values) && values.length >= count && values.slice(0, count).every(Number.isFinite);
}

const within = (value: number) => Math.min(1, Math.max(0, value)); // noise takes values beyond their range
const shareOf = (value: number) => Math.round(255 * within(value));
const cssOf = (red: number, green: number, blue: number) => `rgb(${red}, ${green}, ${blue})`;

/** A colour as Monty senses it: hue, saturation and value, each 0 to 1, as skimage makes them. */
function cssOfHsv([hue, saturation, value]: [number, number, number]): string {
  const channel = (shift: number) => {
    const at = (shift + 6 * (hue - Math.floor(hue))) % 6;
    return shareOf(within(value) * (1 - within(saturation) * Math.max(0, Math.min(at, 4 - at, 1))));
  };
  return cssOf(channel(5), channel(3), channel(1));
}

/** The colour that a feature is, by its name; null where it is none. */
export function colourOfFeature(name: string, value: unknown): string | null {
  if (name === "hsv" && isFull(value, 3)) return cssOfHsv(value as unknown as [number, number, number]);
  if (name === "rgba" && isFull(value, 3)) {
    const [red, green, blue] = value.map((part) => shareOf(part / 255)) as [number, number, number];
    return cssOf(red, green, blue);
  }
  return null;
}

/** A colour comes first, then what is curved, then the rest by name. */
const RANKS: Record<string, number> = { hsv: 0, principal_curvatures_log: 1, principal_curvatures: 2 };
const OTHER_RANK = 4;

function rankOf(name: string): number {
  return RANKS[name] ?? (name.includes("curvature") ? OTHER_RANK - 1 : OTHER_RANK);
}

/** All that a sensor sensed: its features, and the vectors of its pose. */
export function sensedBy(sensor: Partial<SensorMoment> | undefined): Sensed[] {
  const features = Object.entries(sensor?.features ?? {}).sort(
    ([one], [other]) => rankOf(one) - rankOf(other) || one.localeCompare(other),
  );
  const vectors = (sensor?.pose_vectors ?? []).map((vector, i) => [VECTORS[i] ?? `vector ${i + 1}`, vector] as const);
  return [...features, ...vectors].map(([name, value]) => ({
    name,
    words: numbersText(value),
    colour: colourOfFeature(name, value),
  }));
}

/** `rotation 5°`, `left distance 0.002 m`, `location 0.5, 1.5, 0`: an amount by Monty's name, with its unit if the name says it. */
function amountText(name: string, value: Amount): string {
  const words = name.replace(/_/g, " ");
  if (name.endsWith("_degrees")) return `${words.replace(/ degrees$/, "")} ${numbersText(value)}°`;
  if (name.endsWith("distance")) return `${words} ${numbersText(value)} m`;
  return `${words} ${numbersText(value)}`;
}

/** An action with its amounts. */
export function actionText({ action, amounts }: ActionTaken): string {
  const parts = Object.entries(amounts).map(([name, value]) => amountText(name, value));
  return [action, parts.join(", ")].filter(Boolean).join(" ");
}
