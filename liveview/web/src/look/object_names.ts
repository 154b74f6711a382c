// How objects are called for people, and which names mean the same object. Pure.

// Monty's own words where there is no object to name.
const NO_OBJECT = new Map([
  ["no_observations_yet", "nothing observed yet"],
  ["patch_off_object", "its patch is off the object"],
]);
const NEW_OBJECT = "a new object";

/** Of one learning module in one episode: names of objects by graph id. */
type Targets = Record<string, string[]> | null | undefined;

type Graph = string | null | undefined;

/** What a graph was learned from, where that is called otherwise; empty where it is not known. Any text may be an id. */
function learnedFrom(graph: string, targets: Targets): string {
  return targets && Object.hasOwn(targets, graph) ? (targets[graph] ?? []).join(" + ") : "";
}

/** The name of a graph: its id, and beside it what it was learned from where that is called otherwise. */
export function nameOf(graph: Graph, targets?: Targets, isNew = false): string | null {
  if (graph === null || graph === undefined) return null;
  if (isNew) return NEW_OBJECT;
  const learned = learnedFrom(graph, targets);
  return NO_OBJECT.get(graph) ?? (learned ? `${graph} = ${learned}` : graph);
}

/** What a graph stands for, so that learning modules can be compared: each has ids of its own. Null: no object. */
export function meaningOf(graph: Graph, targets?: Targets, isNew = false): string | null {
  if (graph === null || graph === undefined || NO_OBJECT.has(graph)) return null;
  return isNew ? NEW_OBJECT : learnedFrom(graph, targets) || graph;
}
