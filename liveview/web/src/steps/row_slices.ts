// A stretch of steps in the shape in which the server sends it, whether it came from there or from the newest in memory.
import type { ModuleColumns, SensorColumns, StepColumns as Rows } from "@/server/openapi";
import type { Column, StepColumns } from "@/server/step_columns";

/** A list or a typed array: absent is null from the server, NaN in memory. */
interface Cells<Value> extends ArrayLike<Value> {
  some(check: (value: Value) => boolean): boolean;
}

/** The columns of `Names`, as lists or as typed arrays; null where the server has none of a name. */
type CellsOf<Columns, Names extends keyof Columns> = {
  [Name in Names]: NonNullable<Columns[Name]> extends (infer Value)[]
    ? Cells<Value> | (null extends Columns[Name] ? null : never)
    : never;
};
type ModuleNames = Exclude<keyof ModuleColumns, "objects" | "target_sets" | "evidence" | "scale">;
type StepNames = Exclude<keyof Rows, "row" | "epoch" | "learning_modules" | "sensors">;

export interface ModuleSlice extends CellsOf<ModuleColumns, ModuleNames> {
  objects: string[];
  target_sets: string[][];
  evidence: Cells<number | null>[];
}

export interface Slice extends CellsOf<Rows, StepNames> {
  row: number[];
  learning_modules: Record<string, ModuleSlice>;
  sensors: Record<string, SensorColumns>;
}

/** The number, or null where there is none. */
export function present(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/** Rows `first` to `last` of `StepColumns`, as copies; only those that it has. */
export function sliceOf(steps: StepColumns, first: number, last: number): Slice {
  const from = Math.max(first, steps.first) - steps.first;
  const to = Math.max(from, Math.min(last + 1, steps.next) - steps.first);
  const cut = (columns: object) =>
    Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, cutOut(column, from, to)]));
  const slice = {
    row: Array.from({ length: to - from }, (_, i) => steps.first + from + i),
    ...cut(steps.columns),
    learning_modules: mapped(steps.learning_modules, (module) => ({
      objects: module.objects,
      target_sets: module.target_sets,
      evidence: module.evidence.map((column) => cutOut(column, from, to)),
      ...cut(module.columns),
    })),
    sensors: mapped(steps.sensors, (sensor) => cut(sensor.columns)),
  };
  return slice as unknown as Slice; // it has the columns of `StepColumns`, by their names
}

function cutOut<Value>({ values, width, absent }: Column<Value>, from: number, to: number): ArrayLike<Value | Value[]> {
  const found = values.slice(from * width, to * width);
  if (width === 1) return padded(found, to - from, absent);
  return Array.from({ length: to - from }, (_, i) => Array.from(found.slice(i * width, (i + 1) * width)));
}

/** A column grows with what is put there, so that of a part that was silent lately it may be too short. */
function padded<Value>(values: ArrayLike<Value>, count: number, absent: Value): ArrayLike<Value> {
  if (values.length >= count) return values;
  const found = Array.from(values);
  while (found.length < count) found.push(absent);
  return found;
}

function mapped<Part, Changed>(parts: Record<string, Part>, change: (part: Part) => Changed): Record<string, Changed> {
  return Object.fromEntries(Object.entries(parts).map(([id, part]) => [id, change(part)]));
}

/** Two stretches, one after the other; of the second only what comes after the first. */
export function joined(before: Slice, after: Slice): Slice {
  const last = before.row.at(-1) ?? -1;
  const skip = after.row.findIndex((row) => row > last);
  if (skip < 0) return before;
  const counts = [before.row.length, after.row.length - skip] as const;
  const both = (a?: ArrayLike<unknown>, b?: ArrayLike<unknown>) => [
    ...(a ? Array.from(a) : new Array(counts[0]).fill(null)),
    ...(b ? Array.from(b).slice(skip) : new Array(counts[1]).fill(null)),
  ];
  const columns = (a: object = {}, b: object = {}) => {
    const [left, right] = [a, b] as Record<string, ArrayLike<unknown>>[];
    return Object.fromEntries(columnNames(a, b).map((name) => [name, both(left?.[name], right?.[name])]));
  };
  const slice = {
    ...columns(before, after),
    learning_modules: parts(before.learning_modules, after.learning_modules, (a, b) => {
      const { objects, target_sets } = (b ?? a) as ModuleSlice; // the later one knows all of the earlier one's, in the same places
      return {
        ...columns(a, b),
        objects,
        target_sets,
        evidence: objects.map((_, i) => both(a?.evidence[i], b?.evidence[i])),
      };
    }),
    sensors: parts(before.sensors, after.sensors, columns),
  };
  return slice as unknown as Slice; // it has the columns of both
}

/** What `join` makes of the parts of both, by id. */
function parts<Part, Joined>(
  before: Record<string, Part>,
  after: Record<string, Part>,
  join: (a: Part | undefined, b: Part | undefined) => Joined,
): Record<string, Joined> {
  const ids = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries([...ids].map((id) => [id, join(before[id], after[id])]));
}

function columnNames(...tables: object[]): string[] {
  const names = new Set(tables.flatMap((table) => Object.keys(table)));
  for (const name of ["objects", "target_sets", "evidence", "learning_modules", "sensors"]) names.delete(name);
  return [...names];
}

/** Place of the last entry of a rising list that is not greater than `value`; -1 if all are. */
export function placeOf(rising: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether a new episode begins with this entry. */
export function beginsEpisode(rows: Pick<Slice, "episode" | "mode">, i: number): boolean {
  return i === 0 || rows.episode[i] !== rows.episode[i - 1] || rows.mode[i] !== rows.mode[i - 1];
}

/** [first, last] places of each episode in the stretch. */
export function episodesIn(rows: Pick<Slice, "row" | "episode" | "mode">): [first: number, last: number][] {
  const found: [number, number][] = [];
  rows.row.forEach((_, i) => {
    const last = found.at(-1);
    if (!last || beginsEpisode(rows, i)) found.push([i, i]);
    else last[1] = i;
  });
  return found;
}
