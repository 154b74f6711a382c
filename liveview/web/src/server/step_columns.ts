// The newest steps of a worker, column by column. Not reactive: a run has thousands of rows, and who draws them asks.
import type { ModuleColumns, StepColumns as Rows } from "@/server/openapi";

const MOST_ROWS = 20000;
const SLACK_ROWS = 5000; // the oldest go this many at a time, so that forgetting costs nothing per step
const FIRST_ROWS = 1024;

/** What a typed array and an array of words have in common. */
interface Values<Value> {
  readonly length: number;
  [at: number]: Value;
  fill(value: Value, first?: number): Values<Value>;
  copyWithin(to: number, from: number): Values<Value>;
  slice(from: number, to: number): ArrayLike<Value> & { slice(from: number, to: number): ArrayLike<Value> };
}

interface Kind<Value> {
  type: new (length: number) => Values<Value>;
  absent: Value;
  width?: number;
}

type Word = string | null;

const WORD: Kind<Word> = { type: Array, absent: null };
const FLOAT: Kind<number> = { type: Float32Array, absent: NaN };
const TIME: Kind<number> = { type: Float64Array, absent: NaN };
const WHOLE: Kind<number> = { type: Int32Array, absent: -1 };
const PLACE: Kind<number> = { type: Int16Array, absent: -1 };
const TRUTH: Kind<number> = { type: Int8Array, absent: -1 };
const FLAG: Kind<number> = { type: Int8Array, absent: 0 };
const LOCATION: Kind<number> = { type: Float32Array, absent: NaN, width: 3 };

const OF_STEP = {
  time_unix_millis: TIME,
  mode: WORD,
  episode: WHOLE,
  step: WHOLE,
  total_step: WHOLE,
  motor_only: FLAG,
  target_object: WORD,
  step_secs: FLOAT,
  monitor_micros: FLOAT,
};
const OF_MODULE = {
  winner: PLACE,
  second: PLACE,
  target: PLACE,
  stepwise_target: PLACE,
  target_graphs: PLACE,
  is_correct: PLACE,
  is_new: FLAG,
  terminal: WORD,
  possible: WHOLE,
  winner_evidence: FLOAT,
  margin: FLOAT,
  threshold: FLOAT,
  rotation_error_degs: FLOAT,
  symmetry_evidence: FLOAT,
  prediction_error: FLOAT,
  goal: FLAG,
  is_goal_achieved: TRUTH,
  location: LOCATION,
  hypothesis_count: WHOLE,
  hypotheses_added: FLOAT,
  hypotheses_removed: FLOAT,
  hypothesis_age_median: FLOAT,
  hypothesis_age_max: FLOAT,
  evidence_slope_max: FLOAT,
};
const OF_SENSOR = { location: LOCATION, on_object: TRUTH };

type Cell<Value> = Value | (Value | null)[] | null | undefined;

/** One value per row, or `width` values; what is not there is `absent`. `values` is replaced when it grows. */
export class Column<Value> {
  values: Values<Value>;
  private readonly type: new (length: number) => Values<Value>;
  readonly absent: Value;
  readonly width: number;

  constructor({ type, absent, width = 1 }: Kind<Value>) {
    this.type = type;
    this.absent = absent;
    this.width = width;
    this.values = new type(0);
  }

  put(at: number, cell: Cell<Value>, capacity: number): void {
    this.makeRoom(capacity);
    if (this.width === 1) this.values[at] = (cell as Value | null | undefined) ?? this.absent;
    else {
      const cells = cell as (Value | null)[] | null | undefined;
      for (let i = 0; i < this.width; i++) this.values[at * this.width + i] = cells?.[i] ?? this.absent;
    }
  }

  drop(rows: number): void {
    this.values.copyWithin(0, rows * this.width);
    this.values.fill(this.absent, Math.max(0, this.values.length - rows * this.width));
  }

  private makeRoom(rows: number): void {
    if (this.values.length >= rows * this.width) return;
    const grown = new this.type(rows * this.width).fill(this.absent);
    for (let i = 0; i < this.values.length; i++) grown[i] = this.values[i] as Value;
    this.values = grown;
  }
}

type Kinds = Record<string, Kind<number> | Kind<Word>>;
type ColumnsOf<Names extends Kinds> = {
  [Name in keyof Names]: Names[Name] extends Kind<infer Value> ? Column<Value> : never;
};
type AnyColumn = Column<number> | Column<Word>;

function columnsOf<Names extends Kinds>(kinds: Names): ColumnsOf<Names> {
  const columns = Object.entries(kinds).map(([name, kind]) => [name, new Column(kind as Kind<number>)]);
  return Object.fromEntries(columns) as ColumnsOf<Names>;
}

/** What one learning module believed, and where one sensor module was. */
export interface ModuleSteps {
  objects: string[];
  target_sets: string[][];
  columns: ColumnsOf<typeof OF_MODULE>;
  evidence: Column<number>[];
}
export interface SensorSteps {
  columns: ColumnsOf<typeof OF_SENSOR>;
}

/**
 * Rows `first` to `next` - 1. Row r stands at place r - `first` of every column's `values`.
 *
 * `columns.<name>.values`, `learning_modules[id].{objects, target_sets, columns.<name>.values, evidence[object].values}`,
 * `sensors[id].columns.<name>.values`. Do not keep `values`: it is another array once it has grown.
 */
export class StepColumns {
  first = 0;
  next = 0;
  columns = columnsOf(OF_STEP);
  learning_modules: Record<string, ModuleSteps> = {};
  sensors: Record<string, SensorSteps> = {};
  private capacity = FIRST_ROWS;

  /** Forget everything; the next row is `next`. */
  clear(next: number): void {
    this.first = this.next = next;
    this.capacity = FIRST_ROWS;
    this.columns = columnsOf(OF_STEP);
    this.learning_modules = {};
    this.sensors = {};
  }

  get count(): number {
    return this.next - this.first;
  }

  /** Take in rows as the server sends them; return [first, next) of what is new, or null. */
  append(rows: Rows): [number, number] | null {
    const skipped = rows.row.findIndex((row) => row >= this.next);
    if (skipped < 0) return null;
    const from = rows.row[skipped] as number;
    for (let i = skipped; i < rows.row.length; i++) this.#put(rows, i);
    return [from, this.next];
  }

  #put(rows: Rows, i: number): void {
    this.#makeRoom();
    const at = this.count;
    this.next += 1;
    this.#putColumns(this.columns, rows, at, i);
    for (const [id, said] of Object.entries(rows.learning_modules)) this.#putModule(id, said, at, i);
    for (const [id, said] of Object.entries(rows.sensors)) {
      this.sensors[id] ??= { columns: columnsOf(OF_SENSOR) };
      this.#putColumns(this.sensors[id].columns, said, at, i);
    }
  }

  #putModule(id: string, said: ModuleColumns, at: number, i: number): void {
    const module = (this.learning_modules[id] ??= {
      objects: [],
      target_sets: [],
      columns: columnsOf(OF_MODULE),
      evidence: [],
    });
    module.objects = said.objects;
    module.target_sets = said.target_sets;
    while (module.evidence.length < said.objects.length) module.evidence.push(new Column(FLOAT));
    said.evidence.forEach((values, object) => module.evidence[object]?.put(at, values[i], this.capacity));
    this.#putColumns(module.columns, said, at, i);
  }

  #putColumns<Name extends string>(
    columns: Record<Name, AnyColumn>,
    said: NoInfer<Partial<Record<Name, Cell<number | Word>[] | null>>>,
    at: number,
    i: number,
  ): void {
    for (const name in columns) {
      (columns[name] as Column<number | Word>).put(at, said[name]?.[i], this.capacity);
    }
  }

  #makeRoom(): void {
    if (this.count < this.capacity) return;
    if (this.capacity < MOST_ROWS + SLACK_ROWS) {
      this.capacity = Math.min(2 * this.capacity, MOST_ROWS + SLACK_ROWS);
      return;
    }
    for (const column of this.#all()) column.drop(SLACK_ROWS);
    this.first += SLACK_ROWS;
  }

  *#all(): Iterable<AnyColumn> {
    yield* Object.values(this.columns);
    for (const sensor of Object.values(this.sensors)) yield* Object.values(sensor.columns);
    for (const module of Object.values(this.learning_modules)) {
      yield* Object.values(module.columns);
      yield* module.evidence;
    }
  }
}
