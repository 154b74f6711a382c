// Training and evaluation apart: which modes a run, worker or result has, evaluation first. Pure.

const WORDS = { eval: "evaluation", train: "training" };

/** [name, mode] of each, `eval` before `train`. */
export const modesOf = (head) => Object.entries(head?.modes ?? {}).sort(([one], [other]) => one.localeCompare(other));

/** Those of which episodes have ended. */
export const endedModesOf = (head) => modesOf(head).filter(([, mode]) => mode.episodes_done > 0);

/** What a mode is called beside a number. */
export const modeWords = (name) => WORDS[name] ?? name;
