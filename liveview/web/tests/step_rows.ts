// Steps as the server sends them, made by hand.
import type { ModuleColumns, StepColumns } from "@/server/openapi";

/** Rows from `first` on: ten steps an episode, evidence half of the row, the sensor at x = row. */
export function stepRows(first: number, count: number, objects = ["mug"]): StepColumns {
  const row = Array.from({ length: count }, (_, i) => first + i);
  const zeros = row.map(() => 0);
  return {
    row,
    time_unix_millis: row.map((at) => 1000 * at),
    mode: row.map(() => "eval"),
    epoch: zeros,
    episode: row.map((at) => Math.floor(at / 10)),
    step: row.map((at) => at % 10),
    total_step: row,
    motor_only: zeros,
    step_secs: row.map(() => null),
    monitor_micros: row.map(() => 1.5),
    target_object: row.map(() => null),
    learning_modules: { LM_0: moduleRows(row, objects) },
    sensors: { patch: { location: row.map((at) => [at, 0, 0]), on_object: row.map(() => -1) } },
  };
}

function moduleRows(row: number[], objects: string[]): ModuleColumns {
  const zeros = row.map(() => 0);
  const halves = row.map((at) => at / 2);
  const nothing = row.map(() => null);
  return {
    objects,
    evidence: objects.map(() => halves),
    target_sets: [["mug"]],
    winner: zeros,
    second: zeros,
    target: zeros,
    stepwise_target: zeros,
    target_graphs: zeros,
    is_correct: zeros,
    is_new: zeros,
    terminal: nothing,
    possible: nothing,
    winner_evidence: halves,
    margin: halves,
    threshold: halves,
    rotation_error_degs: nothing,
    symmetry_evidence: nothing,
    prediction_error: nothing,
    goal: zeros,
    is_goal_achieved: row.map(() => -1),
    scale: halves,
    location: row.map((at) => [at, 0, null]),
    hypothesis_count: nothing,
    hypotheses_added: null,
    hypotheses_removed: null,
    hypothesis_age_median: null,
    hypothesis_age_max: null,
    evidence_slope_max: null,
  };
}
