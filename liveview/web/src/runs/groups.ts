// Runs that belong together, as the jobs of one sweep do: the columns in which they differ, and what they are found by.
import type { RunHead } from "@/server/openapi";

/** What this module reads of a run. */
export type GroupedRun = Pick<RunHead, "run"> & Partial<Pick<RunHead, "experiment" | "host" | "group" | "overrides">>;

/** What a search looks through. */
export function searchable(run: GroupedRun): string {
  const overrides = Object.entries(run.overrides ?? {}).map(([key, value]) => `${key}=${value}`);
  return [run.run, run.experiment, run.host, run.group, ...overrides].filter(Boolean).join(" ").toLowerCase();
}

/** The group that all of these runs are of; null where they are of several, or of none. */
export function commonGroup(runs: GroupedRun[]): string | null {
  const group = runs[0]?.group ?? null;
  return runs.length > 1 && runs.every((run) => run.group === group) ? group : null;
}

/** A column for each override in which runs differ, under the end of its key that tells it from the others. */
export function overrideColumns(runs: GroupedRun[]) {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.overrides ?? {})))];
  const differing = keys.filter((key) => new Set(runs.map((run) => run.overrides?.[key])).size > 1);
  return differing.map((key) => ({
    name: `override ${key}`,
    key,
    label: shortest(key, differing),
    title: key,
    value: (run: GroupedRun) => run.overrides?.[key] ?? "",
  }));
}

function shortest(key: string, others: string[]): string {
  const parts = key.split(".");
  for (let from = parts.length - 1; from > 0; from -= 1) {
    const end = parts.slice(from).join(".");
    if (!others.some((other) => other !== key && (other === end || other.endsWith(`.${end}`)))) return end;
  }
  return key;
}
