// Runs that belong together, as the jobs of one sweep do: the columns in which they differ, and what they are found by.

/** What a search looks through. */
export function searchable(run) {
  const overrides = Object.entries(run.overrides ?? {}).map(([key, value]) => `${key}=${value}`);
  return [run.run, run.experiment, run.host, run.group, ...overrides].filter(Boolean).join(" ").toLowerCase();
}

/** The group that all of these runs are of; null where they are of several, or of none. */
export function commonGroup(runs) {
  const group = runs[0]?.group ?? null;
  return runs.length > 1 && runs.every((run) => run.group === group) ? group : null;
}

/** A column for each override in which runs differ, under the end of its key that tells it from the others. */
export function overrideColumns(runs) {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.overrides ?? {})))];
  const differing = keys.filter((key) => new Set(runs.map((run) => run.overrides?.[key])).size > 1);
  return differing.map((key) => ({
    name: `override ${key}`,
    key,
    label: shortest(key, differing),
    title: key,
    value: (run) => run.overrides?.[key] ?? "",
  }));
}

function shortest(key, others) {
  const parts = key.split(".");
  for (let from = parts.length - 1; from > 0; from -= 1) {
    const end = parts.slice(from).join(".");
    if (!others.some((other) => other !== key && (other === end || other.endsWith(`.${end}`)))) return end;
  }
  return key;
}
