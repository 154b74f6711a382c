// What each learning module believed after a step, in one shape, from the rows in memory or from a moment of the server.
import { meaningOf, nameOf } from "@/look/object_names";
import type { Live } from "@/server/live";
import type { GoalState, Moment } from "@/server/openapi";
import { type ModuleSlice, type Slice, placeOf, present } from "@/steps/row_slices";

/** What a learning module believes; `by_object`: evidence of each object, the most first. */
interface Said {
  object: string | null;
  is_correct: boolean | null;
  is_new: boolean;
  target_graphs: string[];
  second: string | null;
  target: string | null;
  touched: string | null;
  evidence: number | null;
  margin: number | null;
  threshold: number | null;
  rotation_error_degs: number | null;
  symmetry_evidence: number | null;
  prediction_error: number | null;
  /** The goal state that it set; known of the selected step only. */
  goal: GoalState | null;
  terminal: string | null;
  possible: number | null;
  possible_names: string[] | null;
  /** Unit quaternion x, y, z, w. */
  rotation: (number | null)[] | null;
  by_object: [name: string, evidence: number][];
}

/** That, with how its object is called (`name`), and what that means. */
export interface Belief extends Said {
  targets: Record<string, string[]>;
  name: string | null;
  meaning: string | null;
}

type Beliefs = Record<string, Belief>;

/** Knows what graphs were learned from. */
type Knowing = Pick<Live, "graphTargets">;

const nameAt = (objects: string[], place = -1) => (place >= 0 ? (objects[place] ?? null) : null);

/** Beliefs by learning module id at an entry of `rows`; `live` knows what graphs were learned from. */
export function beliefsAt(rows: Slice, i: number, live: Knowing): Beliefs {
  const targetsOf = (id: string) => live.graphTargets(rows.mode[i] ?? null, rows.episode[i] ?? null, id);
  return Object.fromEntries(
    Object.entries(rows.learning_modules).map(([id, module]) => [id, named(beliefAt(module, i), targetsOf(id))]),
  );
}

/** What the object stands for that one learning module believes in at an entry; null where it believes in none. */
export function meaningAt(rows: Slice, id: string, i: number, live: Knowing): string | null {
  const module = rows.learning_modules[id] as ModuleSlice;
  const targets = live.graphTargets(rows.mode[i] ?? null, rows.episode[i] ?? null, id);
  return meaningOf(nameAt(module.objects, module.winner[i]), targets, module.is_new[i] === 1);
}

/** With how its object is called, and what that means. */
function named(belief: Said, targets: Record<string, string[]>): Belief {
  const { object, is_new } = belief;
  return { ...belief, targets, name: nameOf(object, targets, is_new), meaning: meaningOf(object, targets, is_new) };
}

function beliefAt(module: ModuleSlice, i: number): Said {
  const { objects } = module;
  const evidence = objects.map((name, place) => [name, present(module.evidence[place]?.[i])] as const);
  const truth = module.is_correct[i] ?? -1;
  const possible = present(module.possible[i]);
  return {
    object: nameAt(objects, module.winner[i]),
    is_correct: truth < 0 ? null : truth === 1,
    is_new: module.is_new[i] === 1,
    target_graphs: module.target_sets[module.target_graphs[i] ?? -1] ?? [],
    second: nameAt(objects, module.second[i]),
    target: nameAt(objects, module.target[i]),
    touched: nameAt(objects, module.stepwise_target[i]),
    evidence: present(module.winner_evidence[i]),
    margin: present(module.margin[i]),
    threshold: present(module.threshold[i]),
    rotation_error_degs: present(module.rotation_error_degs[i]),
    symmetry_evidence: present(module.symmetry_evidence[i]),
    prediction_error: present(module.prediction_error?.[i]),
    goal: null,
    terminal: module.terminal[i] ?? null,
    possible: possible !== null && possible >= 0 ? possible : null,
    possible_names: null,
    rotation: null,
    by_object: evidence.filter(hasEvidence).sort((a, b) => b[1] - a[1]),
  };
}

function hasEvidence(entry: readonly [string, number | null]): entry is [string, number] {
  return present(entry[1]) !== null;
}

/** Beliefs by learning module id of a moment; these know the possible matches by name. */
export function beliefsOf(moment: Moment, live: Knowing): Beliefs {
  return Object.fromEntries(
    Object.entries(moment.learning_modules).map(([id, said]) => [
      id,
      named(
        {
          object: said.most_likely?.object ?? null,
          is_correct: said.is_correct ?? null,
          is_new: said.is_new ?? false,
          target_graphs: said.target_graphs ?? [],
          second: said.second_object ?? null,
          target: said.target_object ?? moment.target_object ?? null,
          touched: said.stepwise_target_object ?? null,
          evidence: present(said.most_likely?.evidence),
          margin: present(said.margin),
          threshold: present(said.threshold),
          rotation_error_degs: present(said.rotation_error_degs),
          symmetry_evidence: present(said.symmetry_evidence),
          prediction_error: present(said.prediction_error),
          goal: said.goal ?? null,
          terminal: said.terminal_state ?? null,
          possible: said.possible_matches?.length ?? null,
          possible_names: said.possible_matches ?? null,
          rotation: said.most_likely?.rotation ?? null,
          by_object: Object.entries(said.evidence ?? {})
            .filter(hasEvidence)
            .sort((a, b) => b[1] - a[1]),
        },
        live.graphTargets(moment.mode, moment.episode, id),
      ),
    ]),
  );
}

/** Beliefs at a row: of its moment if that has come, else of the drawn rows if they have it, else null. */
export function beliefsFor(
  row: number | null,
  moment: Moment | null,
  rows: Slice | null,
  live: Knowing,
): Beliefs | null {
  if (row === null) return null;
  if (moment?.row === row) return beliefsOf(moment, live);
  const i = rows ? placeOf(rows.row, row) : -1;
  return rows && i >= 0 && rows.row[i] === row ? beliefsAt(rows, i, live) : null;
}

interface Majority {
  object: string | null;
  votes: number;
  of: number;
  tied: boolean;
}

/** What most learning modules believe in: {object, votes, of, tied}; object is null where none believes in anything. */
export function majority(objects: (string | null)[]): Majority {
  const votes = new Map<string, number>();
  for (const object of objects) if (object !== null) votes.set(object, (votes.get(object) ?? 0) + 1);
  const [first, second] = [...votes].sort((a, b) => b[1] - a[1]);
  const tied = Boolean(first && second && first[1] === second[1]);
  return { object: first && !tied ? first[0] : null, votes: first?.[1] ?? 0, of: objects.length, tied };
}
