// What is made of a metric's numbers before they are drawn: along an axis, smoothed, in bands, for a logarithmic axis. Pure.
import type { MetricCourse } from "@/server/openapi";

/** What the x axis counts: the time of day, or since the run began, or what was published with each value. */
export const AXES = ["time", "elapsed", "step", "epoch", "episode"] as const;
export type Axis = (typeof AXES)[number];

/** The axes along which the server cuts a metric. */
export type ServedAxis = Exclude<Axis, "elapsed">;

/** What is drawn of a metric. */
export type Course = Pick<MetricCourse, "times_unix_millis" | "values" | "axes" | "not_finite" | "is_whole">;

const OWN_COLUMNS = ["step", "epoch", "episode"] as const;

const isTime = (axis: Axis) => axis === "time" || axis === "elapsed";

/** Where each value stands on an axis; on one of time in milliseconds since 1970. */
export function placesOf({ times_unix_millis: times, axes }: Course, axis: Axis): number[] {
  return isTime(axis) ? times : ((axes[axis] ?? []) as number[]);
}

/** Where something was not finite on an axis, in its order. */
export function marksOf({ not_finite: marks }: Course, axis: Axis): { place: number; kind: string }[] {
  const placed = marks.map(({ time_unix_millis: time, axes, kind }) => ({
    place: isTime(axis) ? time : (axes[axis] ?? NaN),
    kind,
  }));
  return placed.sort((one, other) => one.place - other.place);
}

type Value = number | null;

/**
 * Exponential moving average, `weight` 0 to 1 of what was before; corrected for its start at zero, as TensorBoard has it.
 * Null stays null, and changes nothing.
 */
export function smoothed(values: readonly Value[], weight: number): Value[] {
  let average = 0;
  let share = 1; // of the start's zero in the average
  return values.map((value) => {
    if (value === null) return null;
    average = weight * average + (1 - weight) * value;
    share *= weight;
    return average / (1 - share);
  });
}

/** The least and the greatest of each part of the axis: {place, low, high}, without parts that have no number. */
export function bands(places: readonly number[], values: readonly Value[], parts: number) {
  const [first, last] = [places[0] ?? 0, places.at(-1) ?? 0];
  const width = Math.max(last - first, 1e-6) / parts;
  const found: { place: number; low: number; high: number }[] = [];
  let part = -1;
  places.forEach((place, i) => {
    const value = values[i];
    if (value === null || value === undefined) return;
    const mine = Math.min(parts - 1, Math.floor((place - first) / width));
    const band = found.at(-1);
    if (mine !== part || !band) found.push({ place: first + (mine + 0.5) * width, low: value, high: value });
    else Object.assign(band, { low: Math.min(band.low, value), high: Math.max(band.high, value) });
    part = mine;
  });
  return found;
}

/** Null in the place of what a logarithmic axis has no place for. */
export function aboveZero(values: readonly number[]): Value[] {
  return values.map((value) => (value > 0 ? value : null));
}

/** A table of what is shown in the order of time, with a line on top that says so where it is not every value. */
export function csvOf(name: string, { times_unix_millis: times, values, axes, not_finite, is_whole }: Course): string {
  const columns = OWN_COLUMNS.filter((axis) => axes[axis] || not_finite.some((mark) => axis in mark.axes));
  const rows = [
    ...times.map((time, i) => ({ time, places: columns.map((axis) => axes[axis]?.[i]), value: String(values[i]) })),
    ...not_finite.map((mark) => ({
      time: mark.time_unix_millis,
      places: columns.map((axis) => mark.axes[axis]),
      value: mark.kind,
    })),
  ].sort((one, other) => one.time - other.time);
  const lines = rows.map(({ time, places, value }) =>
    [new Date(time).toISOString(), time, ...places.map((place) => place ?? ""), value].join(","),
  );
  const note = is_whole ? [] : ["# the least and the greatest of each stretch; zoom in for every value"];
  return [...note, ["time", "unix_millis", ...columns, quoted(name)].join(","), ...lines, ""].join("\n");
}

/** For a table: in quotes where it must be, and never a formula. */
function quoted(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** Which of the places in order is nearest to `place`; -1 where there is none. */
export function nearest(places: readonly number[], place: number): number {
  let [low, high] = [0, places.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle] as number) < place) low = middle + 1;
    else high = middle;
  }
  const before = places[low - 1];
  return before !== undefined && place - before < (places[low] as number) - place ? low - 1 : high;
}
