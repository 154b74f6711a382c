// Why a worker of a parallel run counts as failed. Pure.
import { modesOf, modeWords } from "@/look/modes";
import type { ModeSums, WorkerHead } from "@/server/openapi";

const FAILED_OUTCOMES = [
  "confused",
  "confused_mlh",
  "no_match",
  "time_out",
  "pose_time_out",
  "patch_off_object",
  "no_label",
];

/** How a worker is, and how its episodes ended. */
type Ended = Pick<WorkerHead, "error" | "status"> & { modes: Record<string, Pick<ModeSums, "outcomes">> };

/** Why a worker counts as failed: what broke it, or the outcomes of its episodes that were not correct. Empty: it does not. */
export function failureOf(head: Ended): string {
  if (head.error) return head.error.type ?? head.status;
  if (head.status === "error" || head.status === "disconnected") return head.status;
  return modesOf(head)
    .flatMap(([name, { outcomes }]) => FAILED_OUTCOMES.map((word) => [name, word, outcomes[word] ?? 0] as const))
    .filter(([, , n]) => n > 0)
    .map(([name, word, n]) => `${n > 1 ? `${word} ${n}` : word} in ${modeWords(name)}`)
    .join(", ");
}
