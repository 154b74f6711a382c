// The newest steps of a worker, column by column. Not reactive: a run has thousands of rows, and who draws them asks.
const MOST_ROWS = 20000;
const SLACK_ROWS = 5000; // the oldest go this many at a time, so that forgetting costs nothing per step
const FIRST_ROWS = 1024;

const numbers = (...names) => names.map((name) => [name, Float32Array, NaN]);
const places = (...names) => names.map((name) => [name, Int16Array, -1]);
const OF_STEP = [
  ["time_unix_millis", Float64Array, NaN],
  ["mode", Array, null],
  ["episode", Int32Array, -1],
  ["step", Int32Array, -1],
  ["total_step", Int32Array, -1],
  ["motor_only", Int8Array, 0],
  ["target_object", Array, null],
  ...numbers("step_secs", "monitor_micros"),
];
const OF_MODULE = [
  ...places("winner", "second", "target", "stepwise_target", "target_graphs", "is_correct"),
  ["is_new", Int8Array, 0],
  ["terminal", Array, null],
  ["possible", Int32Array, -1],
  ...numbers("winner_evidence", "margin", "threshold", "rotation_error_degs", "symmetry_evidence"),
  ["location", Float32Array, NaN, 3],
];
const OF_SENSOR = [
  ["location", Float32Array, NaN, 3],
  ["on_object", Int8Array, -1],
];

/** One value per row, or `width` values; what is not there is `absent`. `values` is replaced when it grows. */
class Column {
  constructor(type, absent, width = 1) {
    this.absent = absent;
    this.width = width;
    this.values = new type(0).fill(absent);
  }

  put(at, value, capacity) {
    this.makeRoom(capacity);
    if (this.width === 1) this.values[at] = value ?? this.absent;
    else for (let i = 0; i < this.width; i++) this.values[at * this.width + i] = value?.[i] ?? this.absent;
  }

  drop(rows) {
    this.values.copyWithin(0, rows * this.width);
    this.values.fill(this.absent, Math.max(0, this.values.length - rows * this.width));
  }

  makeRoom(rows) {
    if (this.values.length >= rows * this.width) return;
    const grown = new this.values.constructor(rows * this.width).fill(this.absent);
    for (let i = 0; i < this.values.length; i++) grown[i] = this.values[i];
    this.values = grown;
  }
}

function columnsOf(kinds) {
  return Object.fromEntries(kinds.map(([name, ...kind]) => [name, new Column(...kind)]));
}

/**
 * Rows `first` to `next` - 1. Row r stands at place r - `first` of every column's `values`.
 *
 * `columns.<name>.values`, `learning_modules[id].{objects, target_sets, columns.<name>.values, evidence[object].values}`,
 * `sensors[id].columns.<name>.values`. Do not keep `values`: it is another array once it has grown.
 */
export class StepColumns {
  constructor() {
    this.clear(0);
  }

  /** Forget everything; the next row is `next`. */
  clear(next) {
    this.first = this.next = next;
    this.capacity = FIRST_ROWS;
    this.columns = columnsOf(OF_STEP);
    this.learning_modules = {};
    this.sensors = {};
  }

  get count() {
    return this.next - this.first;
  }

  /** Take in rows as the server sends them; return [first, next) of what is new, or null. */
  append(rows) {
    const skipped = rows.row.findIndex((row) => row >= this.next);
    if (skipped < 0) return null;
    const from = rows.row[skipped];
    for (let i = skipped; i < rows.row.length; i++) this.#put(rows, i);
    return [from, this.next];
  }

  #put(rows, i) {
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

  #putModule(id, said, at, i) {
    const module = (this.learning_modules[id] ??= { objects: [], target_sets: [], columns: columnsOf(OF_MODULE), evidence: [] });
    module.objects = said.objects;
    module.target_sets = said.target_sets;
    while (module.evidence.length < said.objects.length) module.evidence.push(new Column(Float32Array, NaN));
    said.evidence.forEach((values, object) => module.evidence[object].put(at, values[i], this.capacity));
    this.#putColumns(module.columns, said, at, i);
  }

  #putColumns(columns, said, at, i) {
    for (const name in columns) columns[name].put(at, said[name]?.[i], this.capacity);
  }

  #makeRoom() {
    if (this.count < this.capacity) return;
    if (this.capacity < MOST_ROWS + SLACK_ROWS) {
      this.capacity = Math.min(2 * this.capacity, MOST_ROWS + SLACK_ROWS);
      return;
    }
    for (const column of this.#all()) column.drop(SLACK_ROWS);
    this.first += SLACK_ROWS;
  }

  *#all() {
    yield* Object.values(this.columns);
    for (const sensor of Object.values(this.sensors)) yield* Object.values(sensor.columns);
    for (const module of Object.values(this.learning_modules)) {
      yield* Object.values(module.columns);
      yield* module.evidence;
    }
  }
}
