// How a run or a worker is, in words: the same on every page.
import { clock, duration } from "@/look/format";
import { now } from "@/server/now";
import { LIVE_STATUSES } from "@/look/palette";
import type { RunHead, WorkerHead } from "@/server/openapi";
import { silentSince } from "@/server/silence";

export type Head = RunHead | WorkerHead;

/** Whether a run or worker goes on. */
export const isLive = (head: Pick<Head, "status">): boolean => LIVE_STATUSES.includes(head.status);

/** "as of 14:03:21" of what may have changed since nothing is heard any more; empty while it is heard, or over. */
export function asOf(head: Pick<Head, "status">): string {
  return silentSince.value !== null && isLive(head) ? `as of ${clock(silentSince.value)}` : "";
}

/** When it will have ended, in words; empty where nobody knows. */
export function endWords(head: Head): string {
  if (!isLive(head) || !head.estimated_end_unix_millis) return "";
  const left = (head.estimated_end_unix_millis - now.value) / 1000;
  return left > 0 ? `about ${duration(left)} left` : "about to end";
}

/** Share of episodes that are done, or null. */
export function shareDone(head: Head): number | null {
  return head.episodes_expected ? Math.min(1, head.episodes_done / head.episodes_expected) : null;
}
