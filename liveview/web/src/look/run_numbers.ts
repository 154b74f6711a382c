// The numbers at the head of a run's page: of the whole run, or of the worker that is looked at. Pure.
import { age, bytes, count, duration, many, micros, millis, percent, rate, short, text } from "@/look/format";
import { endedModesOf, modeWords } from "@/look/modes";
import { type Head, endWords, isLive } from "@/look/run_state";
import type { RunHead, WorkerHead } from "@/server/openapi";

/** A number with what it is, and what is said under it. */
export interface Fact {
  label: string;
  value: string;
  under: string;
  title?: string;
  bad?: boolean;
}

/** What did not arrive, of a run or of a worker. */
type Missing = Pick<Head, "lost" | "dropped" | "too_large" | "spooled">;

/** What of a worker's newest row is shown. */
interface Newest {
  object: string | null;
  evidence: number | null;
  step_secs: number | null;
}

interface Now {
  newest: Newest | null;
  images: { sensor: string; step: number } | null;
  delay: number | null;
  now: number;
}

function episodeOf(worker: WorkerHead): Fact {
  const epoch = worker.epoch === null ? "" : ` · epoch ${worker.epoch + 1}`;
  return {
    label: "Episode, step",
    value: `${text(worker.episode)}, ${count(worker.step)}`,
    under: `${worker.mode ?? ""}${epoch}`,
  };
}

/** Accuracy of each mode: Monty counts them apart. */
function accuraciesOf(head: Head): Fact[] {
  const so = isLive(head) ? " so far" : "";
  const judged = endedModesOf(head).filter(([, { accuracy }]) => accuracy !== null);
  if (!judged.length)
    return [{ label: `Accuracy${so}`, value: text(null), under: `no episode judged${isLive(head) ? " yet" : ""}` }];
  return judged.map(([name, { accuracy, correct, episodes_done: done }]) => ({
    label: `Accuracy${so}, ${name}`,
    value: percent(accuracy),
    under: `${count(correct)} of ${count(done)} in ${modeWords(name)}`,
  }));
}

function elapsedOf(head: Head, now: number): Fact {
  return {
    label: "Elapsed",
    value: duration(head.elapsed_secs),
    under: endWords(head) || `updated ${age(head.newest_unix_millis, now)}`,
  };
}

function costOf(head: Head, stepSecs: number | null | undefined): Fact {
  const share = stepSecs && head.monitor_micros_per_step ? head.monitor_micros_per_step / 1e6 / stepSecs : null;
  return {
    label: "Monitor's cost",
    value: micros(head.monitor_micros_per_step),
    under: share === null ? "per step, in the experiment" : `per step in the experiment, ${percent(share)} of it`,
  };
}

/** What did not arrive of a run or worker, in words: "3 lost, 0 dropped", and "2 too large" where there are any. */
export function missingWords(head: Missing): string {
  const tooLarge = head.too_large ? [`${count(head.too_large)} too large`] : [];
  const counts = [`${count(head.lost ?? 0)} lost`, `${count(head.dropped ?? 0)} dropped`, ...tooLarge];
  return [...counts, ...(head.spooled ? [spooledWords(head)] : [])].join(", ");
}

/** What is not lost and not here: it is in a file of the experiment's, and comes when that is taken up. */
export function spooledWords(head: Pick<Head, "spooled">): string {
  return `${many(head.spooled, "message")} still with the experiment`;
}

/** Whether anything did not arrive. */
export function isMissing(head: Missing): boolean {
  return Boolean(head.lost || head.dropped || head.too_large || head.spooled);
}

function heardOf(head: Head): string {
  const last = "highest_seq" in head ? head.highest_seq : null;
  return last === null ? "messages" : `of ${many(last + 1, "message")}`;
}

function lostOf(head: Head): Fact {
  const tooLarge = head.too_large ? [head.too_large] : [];
  return {
    label: head.too_large ? "Lost, dropped, too large" : "Lost, dropped",
    value: [head.lost ?? 0, head.dropped ?? 0, ...tooLarge].map(count).join(", "),
    under: head.spooled ? spooledWords(head) : heardOf(head),
    bad: isMissing(head),
  };
}

/** What `frames_missing` means. */
export const MISSING_WORDS =
  "Images and hypothesis clouds that were published and never reached this page: they are sent once only, steps until they arrive.";

function missingOf(run: RunHead | null): Fact[] {
  if (!run?.frames_missing) return [];
  const under = "and clouds: sent once only";
  return [{ label: "Images missing", value: count(run.frames_missing), under, title: MISSING_WORDS, bad: true }];
}

function maxEvidenceOf(worker: WorkerHead, newest: Newest | null): Fact {
  const under = [newest?.object, many(worker.rows, "point")].filter(Boolean).join(" · ");
  return { label: "Max evidence", value: newest ? short(newest.evidence) : text(null), under };
}

/** Numbers of the whole run; `acting`: its workers, without a parent that only watches them. */
export function numbersOfRun(run: RunHead, acting: WorkerHead[], now: number): Fact[] {
  return [
    ...accuraciesOf(run),
    { label: "Workers", value: count(acting.length), under: statusWords(acting) },
    { label: "Steps", value: count(run.steps), under: run.mode ?? "" },
    elapsedOf(run, now),
    costOf(run, null),
    lostOf(run),
    ...missingOf(run),
    { label: "Recorded", value: bytes(run.recorded_bytes), under: "on the page's disk" },
  ];
}

/** Numbers of a program without Monty: it has neither episodes nor steps. */
export function numbersOfProgram(head: Head, run: RunHead, now: number): Fact[] {
  return [
    elapsedOf(head, now),
    lostOf(head),
    { label: "Recorded", value: bytes(run.recorded_bytes), under: "on the page's disk" },
  ];
}

function paceOf(worker: WorkerHead, newest: Newest | null, delay: number | null): Fact[] {
  if (!isLive(worker)) return [];
  const under = newest?.step_secs ? `${short(newest.step_secs)} s last step` : "";
  return [
    { label: "Rate", value: rate(worker.steps_per_sec), under },
    { label: "Delay", value: millis(delay), under: "from step to page" },
  ];
}

/** Numbers of a worker of a run: `newest` is its newest row, `images` the newest frames by sensor. */
export function numbersOfWorker(worker: WorkerHead, run: RunHead, { newest, images, delay, now }: Now): Fact[] {
  return [
    { label: "Object", value: text(worker.object), under: "shown now" },
    episodeOf(worker),
    ...paceOf(worker, newest, delay),
    ...accuraciesOf(worker),
    maxEvidenceOf(worker, newest),
    elapsedOf(worker, now),
    { label: "Newest image", value: images ? `step ${count(images.step)}` : text(null), under: images?.sensor ?? "" },
    costOf(worker, newest?.step_secs),
    lostOf(worker),
    ...missingOf(run),
  ];
}

function statusWords(heads: WorkerHead[]): string {
  const counts: Record<string, number> = {};
  for (const { status } of heads) counts[status] = (counts[status] ?? 0) + 1;
  return Object.entries(counts)
    .map(([word, n]) => `${n} ${word}`)
    .join(", ");
}
