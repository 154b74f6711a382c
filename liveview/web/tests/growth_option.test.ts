import { expect, test } from "vitest";
import {
  courseOf,
  episodeAt,
  extendedIn,
  growthOption,
  largest,
  MOST_LINES,
  nodesAt,
  splitObjects,
} from "@/graphs/growth_option";
import type { GraphRow } from "@/server/openapi";

type Change = [mode: string, episode: number, nodes: number, change: "made" | "extended" | "found"];

function graph(name: string, changes: Change[], targets = [name]): GraphRow {
  return {
    graph: name,
    targets,
    nodes: changes.at(-1)?.[2] ?? 0,
    made_in: null,
    last_seen: null,
    changes: {
      mode: changes.map(([mode]) => mode),
      episode: changes.map(([, episode]) => episode),
      nodes: changes.map(([, , nodes]) => nodes),
      change: changes.map(([, , , change]) => change),
    },
  };
}

const mug = graph("mug", [
  ["train", 1, 40, "made"],
  ["train", 3, 55, "extended"],
]);
const loaded = graph("bowl", [["eval", 7, 90, "found"]]);
const look = { colourOf: () => "red", dashOf: () => "solid" };

test("a graph grows where an episode changed it, and is as it was in between", () => {
  expect(courseOf(mug, [0, 5])).toEqual([
    [1, 40],
    [3, 55],
  ]);
  expect([0, 1, 2, 3, 5].map((episode) => nodesAt(mug, [0, 5], episode))).toEqual([null, 40, 40, 55, 55]);
});

test("what was there before stands at the first episode of training", () => {
  expect(courseOf(loaded, [2, 5])).toEqual([[2, 90]]);
  const both = graph("both", [
    ["train", 2, 10, "found"],
    ["train", 2, 12, "extended"],
  ]);
  expect(courseOf(both, [2, 5])).toEqual([[2, 12]]);
});

test("lines end at the last episode; of many graphs the largest are drawn", () => {
  const { series } = growthOption([mug, loaded], [0, 5], look);
  expect(series.map(({ name, data }) => [name, data.map(({ value }) => value)])).toEqual([
    [
      "bowl",
      [
        [0, 90],
        [5, 90],
      ],
    ],
    [
      "mug",
      [
        [1, 40],
        [3, 55],
        [5, 55],
      ],
    ],
  ]);
  const many = Array.from({ length: 500 }, (_, i) => graph(`new_object${i}`, [["train", i, i, "made"]]));
  expect(growthOption(many, [0, 499], look).series.length).toBe(MOST_LINES);
  expect(largest(many)[0]?.graph).toBe("new_object499");
});

test("which episodes extended a graph, and which object has several", () => {
  expect(extendedIn(mug)).toEqual([{ mode: "train", episode: 3 }]);
  const graphs = [graph("new_object0", [["train", 0, 1, "made"]], ["mug", "bowl"]), mug];
  expect([...splitObjects(graphs)]).toEqual([["mug", 2]]);
});

test("a place in the chart is an episode", () => {
  expect([-1, 0, 0.49, 1, 2].map((share) => episodeAt([2, 6], share))).toEqual([2, 2, 4, 6, 6]);
});
