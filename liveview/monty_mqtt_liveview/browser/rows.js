// A stretch of steps in the shape in which the server sends it, whether it came from there or from the newest in memory.

const isNumber = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** The number, or null where there is none: absent is null from the server, NaN in memory. */
export function present(value) {
  return isNumber(value) ? value : null;
}

/** Rows `first` to `last` of `StepColumns`, as copies; only those that it has. */
export function sliceOf(steps, first, last) {
  const from = Math.max(first, steps.first) - steps.first;
  const to = Math.max(from, Math.min(last + 1, steps.next) - steps.first);
  const cut = (columns) =>
    Object.fromEntries(Object.entries(columns).map(([name, one]) => [name, cutOut(one, from, to)]));
  return {
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
}

function cutOut({ values, width = 1, absent }, from, to) {
  const found = values.slice(from * width, to * width);
  if (width === 1) return padded(found, to - from, absent);
  return Array.from({ length: to - from }, (_, i) => Array.from(found.subarray(i * width, (i + 1) * width)));
}

/** A column grows with what is put there, so that of a part that was silent lately it may be too short. */
function padded(values, count, absent) {
  if (values.length >= count) return values;
  const found = Array.from(values);
  while (found.length < count) found.push(absent);
  return found;
}

function mapped(parts, change) {
  return Object.fromEntries(Object.entries(parts).map(([id, one]) => [id, change(one)]));
}

/** Two stretches, one after the other; of the second only what comes after the first. */
export function joined(before, after) {
  const last = before.row.at(-1) ?? -1;
  const skip = after.row.findIndex((row) => row > last);
  if (skip < 0) return before;
  const counts = [before.row.length, after.row.length - skip];
  const both = (a, b, absent = null) => [
    ...(a ?? new Array(counts[0]).fill(absent)),
    ...(b ? Array.from(b).slice(skip) : new Array(counts[1]).fill(absent)),
  ];
  const columns = (a, b) =>
    Object.fromEntries(columnNames(a, b).map((name) => [name, both(a?.[name], b?.[name])]));
  const parts = (a, b, join) =>
    Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((id) => [id, join(a[id], b[id])]));
  return {
    ...columns(before, after),
    learning_modules: parts(before.learning_modules, after.learning_modules, (a, b) => {
      const { objects, target_sets } = b ?? a; // the later one knows all of the earlier one's, in the same places
      return { ...columns(a, b), objects, target_sets, evidence: objects.map((_, i) => both(a?.evidence[i], b?.evidence[i])) };
    }),
    sensors: parts(before.sensors, after.sensors, columns),
  };
}

function columnNames(...ones) {
  const names = new Set(ones.flatMap((one) => Object.keys(one ?? {})));
  for (const name of ["objects", "target_sets", "evidence", "learning_modules", "sensors"]) names.delete(name);
  return [...names];
}

/** Place of the last entry of a rising list that is not greater than `value`; -1 if all are. */
export function placeOf(rising, value) {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether a new episode begins with this entry. */
export function beginsEpisode(rows, i) {
  return i === 0 || rows.episode[i] !== rows.episode[i - 1] || rows.mode[i] !== rows.mode[i - 1];
}

/** [first, last] places of each episode in the stretch. */
export function episodesIn(rows) {
  const found = [];
  rows.row.forEach((_, i) => {
    if (beginsEpisode(rows, i)) found.push([i, i]);
    else found.at(-1)[1] = i;
  });
  return found;
}
