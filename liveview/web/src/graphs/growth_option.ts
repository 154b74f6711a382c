// What the server says of learned graphs -> what is drawn and said of them: how they grew, what was merged and split. Pure.
import type { GraphRow } from "@/server/openapi";
import { count } from "@/look/format";
import { LEFT, RIGHT } from "@/plots/plot_margins";
import { nearestTooltip } from "@/plots/tooltip";

export const MOST_LINES = 24; // more cannot be told apart
const MOST_TOLD = 12; // beside the pointer
const LEARNS = "train";

interface Look {
  colourOf: (name: string) => string;
  dashOf: (name: string) => string;
}

/** The training episodes that are told of: the first and the last; null where there was none. */
export type Span = [first: number, last: number] | null;

/** The largest graphs; as many as there can be lines. */
export function largest(graphs: readonly GraphRow[]): GraphRow[] {
  return [...graphs].sort((one, other) => other.nodes - one.nodes).slice(0, MOST_LINES);
}

/** Sizes of a graph over the training episodes: [episode, nodes]; what it was before stands at the first of them. */
export function courseOf({ changes }: GraphRow, [first]: [number, number]): [episode: number, nodes: number][] {
  const points = changes.nodes.map((nodes, i): [number, number] => {
    const isTraining = changes.mode[i] === LEARNS;
    return [isTraining ? (changes.episode[i] as number) : first, nodes];
  });
  return points.filter(([episode], i) => episode !== points[i + 1]?.[0]);
}

/** Number of nodes after an episode; null where the graph was not there yet. */
export function nodesAt(graph: GraphRow, span: [number, number], episode: number): number | null {
  return courseOf(graph, span).findLast(([at]) => at <= episode)?.[1] ?? null;
}

/** Numbers of the episodes that extended it, of training. */
export function extendedIn({ changes }: GraphRow): { mode: string; episode: number }[] {
  return changes.change.flatMap((word, i) =>
    word === "extended" ? [{ mode: changes.mode[i] as string, episode: changes.episode[i] as number }] : [],
  );
}

/** Of each object that has several graphs, how many; Monty's users call that split. */
export function splitObjects(graphs: readonly GraphRow[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of graphs.flatMap(({ targets }) => targets)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...counts].filter(([, n]) => n > 1));
}

/** The training episode at a share of the chart's width, 0 to 1. */
export function episodeAt([first, last]: [number, number], share: number): number {
  return Math.round(first + Math.max(0, Math.min(1, share)) * (last - first));
}

/** The option of the chart: a line of steps for each graph, a mark at each episode that changed it. */
export function growthOption(graphs: readonly GraphRow[], span: [number, number], look: Look) {
  const [first, last] = span;
  const drawn = largest(graphs);
  const linesAt = (x: number) => {
    const told = drawn.map((graph) => ({ graph, nodes: nodesAt(graph, span, Math.round(x)) }));
    return told
      .filter(({ nodes }) => nodes !== null)
      .sort((one, other) => (other.nodes ?? 0) - (one.nodes ?? 0))
      .slice(0, MOST_TOLD)
      .map(({ graph, nodes }) => ({ colour: look.colourOf(graph.graph), name: graph.graph, words: count(nodes) }));
  };
  return {
    grid: { left: LEFT, right: RIGHT, top: 26, bottom: 38 },
    tooltip: { trigger: "axis", confine: true, formatter: nearestTooltip(linesAt) },
    xAxis: {
      type: "value",
      min: first,
      max: Math.max(last, first + 1),
      minInterval: 1,
      name: "training episode",
      nameLocation: "middle",
      nameGap: 24,
      splitLine: { show: false },
      axisLabel: { hideOverlap: true, formatter: (value: number) => count(value) },
      axisPointer: { label: { formatter: ({ value }: { value: number }) => `episode ${count(Math.round(value))}` } },
    },
    yAxis: {
      type: "value",
      name: "nodes",
      nameLocation: "end",
      nameTextStyle: { align: "left" },
      minInterval: 1,
      splitNumber: 4,
      axisLabel: { formatter: (value: number) => count(value) },
    },
    series: drawn.map((graph, at) => {
      const course = courseOf(graph, span);
      const [, nodes] = course.at(-1) ?? [0, 0];
      const points = course.map((value) => ({ value, symbolSize: 5 }));
      return {
        id: `graph${at}`,
        name: graph.graph,
        type: "line",
        step: "end",
        animation: false,
        symbol: "circle",
        itemStyle: { color: look.colourOf(graph.graph) },
        lineStyle: { color: look.colourOf(graph.graph), type: look.dashOf(graph.graph), width: 1.6 },
        emphasis: { disabled: true },
        data: [...points, { value: [Math.max(last, first + 1), nodes], symbolSize: 0 }],
      };
    }),
  };
}
