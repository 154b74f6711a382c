// How well a learning module predicted what it sensed, and which goal states it set, over the steps of one episode. Pure.
import { type ModuleSlice, type Slice, episodesIn, placeOf, present } from "@/steps/row_slices";

/** A goal state: at which step it was set, and whether it was reached; null where Monty did not say so. */
export interface GoalTried {
  row: number;
  step: number;
  isReached: boolean | null;
}

/** Errors by step, each 0 to 1; `at` is the step of the row that was asked for. */
export interface ErrorCourse {
  errors: [step: number, error: number][];
  goals: GoalTried[];
  first: number;
  last: number;
  at: number;
}

/** The goal states that were set between two entries of one episode. */
export function goalsIn(rows: Slice, module: ModuleSlice, first: number, last: number): GoalTried[] {
  const goals: GoalTried[] = [];
  for (let i = first; i <= last; i++) {
    const answer = module.is_goal_achieved?.[i] ?? -1;
    const tried = goals.at(-1);
    if (answer >= 0 && tried?.isReached === null) tried.isReached = answer === 1;
    if (module.goal?.[i] === 1)
      goals.push({ row: rows.row[i] as number, step: rows.step[i] as number, isReached: null });
  }
  return goals;
}

/** The course of a module over the episode of a row; null where neither an error nor a goal state is known of it. */
export function errorCourse(rows: Slice | null, id: string, row: number | null): ErrorCourse | null {
  const module = rows?.learning_modules[id];
  if (!rows || !module || row === null) return null;
  const i = placeOf(rows.row, row);
  const [first, last] = episodesIn(rows).find(([from, to]) => from <= i && i <= to) ?? [0, -1];
  const errors: [number, number][] = [];
  for (let at = first; at <= last; at++) {
    const error = present(module.prediction_error?.[at]);
    if (error !== null) errors.push([rows.step[at] as number, error]);
  }
  const goals = goalsIn(rows, module, first, last);
  if (!errors.length && !goals.length) return null;
  return {
    errors,
    goals,
    first: rows.step[first] as number,
    last: rows.step[last] as number,
    at: rows.step[i] as number,
  };
}
