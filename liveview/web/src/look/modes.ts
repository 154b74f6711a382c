// Training and evaluation apart: which modes a run, worker or result has, evaluation first. Pure.
import type { ModeSums } from "@/server/openapi";

type Mode = Pick<ModeSums, "episodes_done">;

const WORDS: Record<string, string> = { eval: "evaluation", train: "training" };

/** [name, mode] of each, `eval` before `train`. */
export const modesOf = <M>(head: { modes?: Record<string, M> | null } | null | undefined): [string, M][] =>
  Object.entries(head?.modes ?? {}).sort(([one], [other]) => one.localeCompare(other));

/** Those of which episodes have ended. */
export const endedModesOf = <M extends Mode>(head: { modes?: Record<string, M> | null } | null | undefined) =>
  modesOf(head).filter(([, mode]) => mode.episodes_done > 0);

/** What a mode is called beside a number. */
export const modeWords = (name: string) => WORDS[name] ?? name;
