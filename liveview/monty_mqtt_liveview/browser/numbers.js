// The numbers at the head of a run's page: of the whole run, or of the worker that is looked at. Pure.
import {
  age,
  bytes,
  count,
  duration,
  many,
  micros,
  millis,
  percent,
  rate,
  short,
  text,
} from "monty-liveview/format.js";
import { endedModesOf, modeWords } from "monty-liveview/modes.js";
import { endWords, isLive } from "monty-liveview/run_progress.js";

const or = (value, other) => (value === null || value === undefined ? other : value);

function episodeOf(worker) {
  const epoch = or(worker.epoch, null) === null ? "" : ` · epoch ${worker.epoch + 1}`;
  return {
    label: "Episode, step",
    value: `${text(worker.episode)}, ${count(worker.step)}`,
    under: `${worker.mode ?? ""}${epoch}`,
  };
}

/** Accuracy of each mode: Monty counts them apart. */
function accuraciesOf(head) {
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

function elapsedOf(head, now) {
  return {
    label: "Elapsed",
    value: duration(head.elapsed_secs),
    under: endWords(head) || `updated ${age(head.newest_unix_millis, now)}`,
  };
}

function costOf(head, stepSecs) {
  const share = stepSecs && head.monitor_micros_per_step ? head.monitor_micros_per_step / 1e6 / stepSecs : null;
  return {
    label: "Monitor's cost",
    value: micros(head.monitor_micros_per_step),
    under: share === null ? "per step, in the experiment" : `per step in the experiment, ${percent(share)} of it`,
  };
}

/** What did not arrive of a run or worker, in words: "3 lost, 0 dropped", and "2 too large" where there are any. */
export function missingWords(head) {
  const tooLarge = head.too_large ? [`${count(head.too_large)} too large`] : [];
  const counts = [`${count(head.lost ?? 0)} lost`, `${count(head.dropped ?? 0)} dropped`, ...tooLarge];
  return [...counts, ...(head.spooled ? [spooledWords(head)] : [])].join(", ");
}

/** What is not lost and not here: it is in a file of the experiment's, and comes when that is taken up. */
export function spooledWords(head) {
  return `${many(head.spooled, "message")} still with the experiment`;
}

/** Whether anything did not arrive. */
export function isMissing(head) {
  return Boolean(head.lost || head.dropped || head.too_large || head.spooled);
}

function heardOf(head) {
  return or(head.highest_seq, null) === null ? "messages" : `of ${many(head.highest_seq + 1, "message")}`;
}

function lostOf(head) {
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

function missingOf(run) {
  if (!run?.frames_missing) return [];
  const under = "and clouds: sent once only";
  return [{ label: "Images missing", value: count(run.frames_missing), under, title: MISSING_WORDS, bad: true }];
}

function maxEvidenceOf(worker, newest) {
  const under = [newest?.object, many(worker.rows, "point")].filter(Boolean).join(" · ");
  return { label: "Max evidence", value: newest ? short(newest.evidence) : text(null), under };
}

/** Numbers of the whole run; `acting`: its workers, without a parent that only watches them. */
export function numbersOfRun(run, acting, now) {
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
export function numbersOfProgram(head, run, now) {
  return [elapsedOf(head, now), lostOf(head), { label: "Recorded", value: bytes(run.recorded_bytes), under: "on the page's disk" }];
}

function paceOf(worker, newest, delay) {
  if (!isLive(worker)) return [];
  const under = newest?.step_secs ? `${short(newest.step_secs)} s last step` : "";
  return [
    { label: "Rate", value: rate(worker.steps_per_sec), under },
    { label: "Delay", value: millis(delay), under: "from step to page" },
  ];
}

/** Numbers of a worker of a run: `newest` is its newest row, `images` the newest frames by sensor. */
export function numbersOfWorker(worker, run, { newest, images, delay, now }) {
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

function statusWords(heads) {
  const counts = {};
  for (const { status } of heads) counts[status] = (counts[status] ?? 0) + 1;
  return Object.entries(counts)
    .map(([word, n]) => `${n} ${word}`)
    .join(", ");
}
