// Which workers of a parallel run take much longer than the others. Pure.
import { isLive } from "@/look/run_state";
import type { WorkerHead } from "@/server/openapi";

const TIMES_MEDIAN = 2;
const FEWEST = 3; // workers that must have ended before "longer than the others" means anything

function secsPerEpisode(head: WorkerHead): number {
  const episodes = (head.episodes_done ?? 0) + (isLive(head) ? 1 : 0);
  return (head.elapsed_secs ?? 0) / Math.max(1, episodes);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 ? high : (low + high) / 2;
}

/** {median_secs, heads}: live workers that take more than twice the median time per episode, the longest first. */
export function stragglersOf(heads: WorkerHead[]): { median_secs: number | null; heads: WorkerHead[] } {
  const ended = heads.filter((head) => head.episodes_done > 0);
  if (ended.length < FEWEST) return { median_secs: null, heads: [] };
  const typical = median(ended.map((head) => (head.elapsed_secs ?? 0) / head.episodes_done));
  const late = heads.filter((head) => isLive(head) && secsPerEpisode(head) > TIMES_MEDIAN * typical);
  return { median_secs: typical, heads: late.sort((a, b) => secsPerEpisode(b) - secsPerEpisode(a)) };
}
