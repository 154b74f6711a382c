// What each learning module believed after a step, in one shape, from the rows in memory or from a moment of the server.
import { meaningOf, nameOf } from "monty-liveview/object_names.js";
import { placeOf, present } from "monty-liveview/rows.js";

const nameAt = (objects, place) => (place >= 0 ? (objects[place] ?? null) : null);

/** Beliefs by learning module id at an entry of `rows`; `live` knows what graphs were learned from. */
export function beliefsAt(rows, i, live) {
  const targetsOf = (id) => live.graphTargets(rows.mode[i], rows.episode[i], id);
  return Object.fromEntries(
    Object.entries(rows.learning_modules).map(([id, module]) => [id, named(beliefAt(module, i), targetsOf(id))]),
  );
}

/** What the object stands for that one learning module believes in at an entry; null where it believes in none. */
export function meaningAt(rows, id, i, live) {
  const module = rows.learning_modules[id];
  const targets = live.graphTargets(rows.mode[i], rows.episode[i], id);
  return meaningOf(nameAt(module.objects, module.winner[i]), targets, module.is_new[i] === 1);
}

/** With how its object is called, and what that means. */
function named(belief, targets) {
  const { object, is_new } = belief;
  return { ...belief, targets, name: nameOf(object, targets, is_new), meaning: meaningOf(object, targets, is_new) };
}

function beliefAt(module, i) {
  const { objects } = module;
  const evidence = objects.map((name, place) => [name, present(module.evidence[place]?.[i])]);
  return {
    object: nameAt(objects, module.winner[i]),
    is_correct: module.is_correct[i] < 0 ? null : module.is_correct[i] === 1,
    is_new: module.is_new[i] === 1,
    target_graphs: module.target_sets[module.target_graphs[i]] ?? [],
    second: nameAt(objects, module.second[i]),
    target: nameAt(objects, module.target[i]),
    touched: nameAt(objects, module.stepwise_target[i]),
    evidence: present(module.winner_evidence[i]),
    margin: present(module.margin[i]),
    threshold: present(module.threshold[i]),
    rotation_error_degs: present(module.rotation_error_degs[i]),
    symmetry_evidence: present(module.symmetry_evidence[i]),
    terminal: module.terminal[i] ?? null,
    possible: module.possible[i] >= 0 ? present(module.possible[i]) : null,
    possible_names: null,
    by_object: evidence.filter(([, value]) => value !== null).sort((a, b) => b[1] - a[1]),
  };
}

/** Beliefs by learning module id of a moment; these know the possible matches by name. */
export function beliefsOf(moment, live) {
  return Object.fromEntries(
    Object.entries(moment.learning_modules).map(([id, said]) => [
      id,
      named({
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
        terminal: said.terminal_state ?? null,
        possible: said.possible_matches?.length ?? null,
        possible_names: said.possible_matches ?? null,
        by_object: Object.entries(said.evidence ?? {})
          .filter(([, value]) => present(value) !== null)
          .sort((a, b) => b[1] - a[1]),
      }, live.graphTargets(moment.mode, moment.episode, id)),
    ]),
  );
}

/** Beliefs at a row: of its moment if that has come, else of the drawn rows if they have it, else null. */
export function beliefsFor(row, moment, rows, live) {
  if (row === null) return null;
  if (moment?.row === row) return beliefsOf(moment, live);
  const i = rows ? placeOf(rows.row, row) : -1;
  return i >= 0 && rows.row[i] === row ? beliefsAt(rows, i, live) : null;
}

/** What most learning modules believe in: {object, votes, of, tied}; object is null where none believes in anything. */
export function majority(objects) {
  const votes = new Map();
  for (const object of objects) if (object !== null) votes.set(object, (votes.get(object) ?? 0) + 1);
  const [first, second] = [...votes].sort((a, b) => b[1] - a[1]);
  const tied = Boolean(first && second && first[1] === second[1]);
  return { object: first && !tied ? first[0] : null, votes: first?.[1] ?? 0, of: objects.length, tied };
}
