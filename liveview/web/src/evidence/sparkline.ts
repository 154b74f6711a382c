// How evidence grew in the episodes of a table: asked of the server for the rows in sight, and kept while they stay as they are.
import { reactive } from "vue";
import { api, workerPath } from "@/server/api";
import type { EpisodeRow, Sparkline } from "@/server/openapi";
import type { Live } from "@/server/live";

const MOST_KEPT = 500;

/** An episode, as far as its course is concerned. */
type Stretch = Pick<EpisodeRow, "mode" | "episode" | "first_row" | "last_row">;

/** A course, and of which rows it is. */
interface Known {
  course: Sparkline;
  rows: string;
}

const nameOf = ({ mode, episode }: Stretch) => `${mode}/${episode}`;
const rowsOf = ({ first_row: first, last_row: last }: Stretch) => `${first}-${last}`;

/** Courses of a worker's episodes. */
export function sparklinesOf(live: Pick<Live, "run" | "worker">) {
  const known = reactive(new Map<string, Known>());
  let isAsking = false;

  /** The course of an episode, as it was known last; undefined before it has come. */
  const of = (episode: Stretch): Sparkline | undefined => known.get(nameOf(episode))?.course;

  /** Ask for those of these episodes that are not known, or that went on, in one request. */
  async function bring(episodes: Stretch[]): Promise<void> {
    const missing = episodes.filter((one) => one.first_row >= 0 && known.get(nameOf(one))?.rows !== rowsOf(one));
    if (isAsking || !missing.length) return;
    isAsking = true;
    const wanted = missing.map((one) => [nameOf(one), rowsOf(one)] as const);
    try {
      const stretches = wanted.map(([, rows]) => rows).join(",");
      const found = await api(workerPath(live.run, live.worker, "sparklines", { stretches }));
      wanted.forEach(([name, rows], i) => found[i] && known.set(name, { course: found[i], rows }));
      for (const name of [...known.keys()].slice(0, Math.max(0, known.size - MOST_KEPT))) known.delete(name);
    } catch {
      // The table is complete without them; the next change of it asks again.
    } finally {
      isAsking = false;
    }
  }

  return { of, bring };
}

/** A course as points of an SVG `width` times `height` large, on one scale from `low` to `high`; gaps are left out. */
export function pointsOf(
  values: readonly (number | null)[],
  [low, high]: [number, number],
  width: number,
  height: number,
): string {
  const span = high - low || 1;
  const step = width / Math.max(1, values.length - 1);
  return values
    .flatMap((value, i) =>
      value === null ? [] : [`${round(i * step)},${round(height - (height * (value - low)) / span)}`],
    )
    .join(" ");
}

const round = (value: number) => Math.round(10 * value) / 10;

/** Least and greatest value of both courses; null where they have none. */
export function spanOf({ target, other }: Sparkline): [low: number, high: number] | null {
  const values = [...target, ...other].filter((value): value is number => value !== null);
  return values.length ? [Math.min(...values), Math.max(...values)] : null;
}
