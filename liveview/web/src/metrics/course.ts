// What is made of a metric's numbers before they are drawn: smoothed, in bands, for a logarithmic axis. Pure.

/** As `/api/run/<run>/metric` tells it. */
export interface MetricCourse {
  times_unix_millis: number[];
  values: number[];
  not_finite: { time_unix_millis: number; kind: string }[];
  is_whole: boolean;
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

/** The least and the greatest of each part of the time: {time, low, high}, without parts that have no number. */
export function bands(times: readonly number[], values: readonly Value[], parts: number) {
  const [first, last] = [times[0] ?? 0, times.at(-1) ?? 0];
  const width = Math.max(last - first, 1e-6) / parts;
  const found: { time: number; low: number; high: number }[] = [];
  let part = -1;
  times.forEach((time, i) => {
    const value = values[i];
    if (value === null || value === undefined) return;
    const mine = Math.min(parts - 1, Math.floor((time - first) / width));
    const band = found.at(-1);
    if (mine !== part || !band) found.push({ time: first + (mine + 0.5) * width, low: value, high: value });
    else Object.assign(band, { low: Math.min(band.low, value), high: Math.max(band.high, value) });
    part = mine;
  });
  return found;
}

/** Null in the place of what a logarithmic axis has no place for. */
export function aboveZero(values: readonly number[]): Value[] {
  return values.map((value) => (value > 0 ? value : null));
}

/** A table of what is shown, with a line on top that says so where it is not every value. */
export function csvOf(name: string, { times_unix_millis: times, values, not_finite, is_whole }: MetricCourse): string {
  const rows = [
    ...times.map((time, i): [number, string] => [time, String(values[i])]),
    ...not_finite.map(({ time_unix_millis, kind }): [number, string] => [time_unix_millis, kind]),
  ].sort(([one], [other]) => one - other);
  const lines = rows.map(([time, value]) => `${new Date(time).toISOString()},${time},${value}`);
  const note = is_whole ? [] : ["# the least and the greatest of each stretch; zoom in for every value"];
  return [...note, `time,unix_millis,${quoted(name)}`, ...lines, ""].join("\n");
}

/** For a table: in quotes where it must be, and never a formula. */
function quoted(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** The place of the time that is nearest to `time`, of times in order; -1 where there is none. */
export function nearest(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  const before = times[low - 1];
  return before !== undefined && time - before < (times[low] as number) - time ? low - 1 : high;
}
