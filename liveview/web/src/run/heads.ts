// Whose numbers stand at the top of a run's page: those of the run, and of the worker that is looked at.
import { byName } from "@/look/format";
import type { Live } from "@/server/live";
import type { WorkerError, WorkerHead } from "@/server/openapi";
import type { Selection } from "@/steps/selection";

type Store = Pick<Live["store"], "run" | "workers">;

/** A worker that died of something. */
export type Failed = WorkerHead & { error: WorkerError };

export const hasFailed = (worker: WorkerHead): worker is Failed => worker.error !== null;

/** `workers` by name, `acting` of them without a parent that only watches, `worker` the selected one, `head` it or the run. */
export function headsOf(store: Store, selection: Selection) {
  const workers = Object.values(store.workers).sort((one, other) => byName(one.worker, other.worker));
  const worker = (selection.worker !== null && store.workers[selection.worker]) || null;
  return { workers, acting: workers.filter((one) => !one.is_parent), worker, head: worker ?? store.run };
}
