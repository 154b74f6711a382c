// Steps of a learning module -> charts of its hypotheses: how many, added and removed, how old, how steep. Pure.
import { clock, count, short } from "@/look/format";
import { LEFT, RIGHT } from "@/plots/plot_margins";
import { nearestTooltip } from "@/plots/tooltip";
import type { Colours } from "@/look/theme";
import { type ModuleSlice, type Slice, beginsEpisode, placeOf, present } from "@/steps/row_slices";
import type { Course } from "@/steps/shown_range";

type Name =
  | "hypothesis_count"
  | "hypotheses_added"
  | "hypotheses_removed"
  | "hypothesis_age_median"
  | "hypothesis_age_max"
  | "evidence_slope_max";

interface Line {
  column: Name;
  name: string;
  colour: string;
  type: "line" | "stem";
  sign: 1 | -1;
}

export interface HypothesisChart {
  id: string;
  title: string;
  under: string;
  lines: Line[];
}

/** The charts, above each other; all but the first need burst sampling. */
export const CHARTS: HypothesisChart[] = [
  {
    id: "count",
    title: "Hypotheses",
    under: "of all objects",
    lines: [{ column: "hypothesis_count", name: "hypotheses", colour: "accent", type: "line", sign: 1 }],
  },
  {
    id: "changes",
    title: "Added and removed",
    under: "by burst sampling, in the step",
    lines: [
      { column: "hypotheses_added", name: "added", colour: "good", type: "stem", sign: 1 },
      { column: "hypotheses_removed", name: "removed", colour: "bad", type: "stem", sign: -1 },
    ],
  },
  {
    id: "ages",
    title: "Ages",
    under: "of the most likely object's hypotheses, in updates: median and oldest",
    lines: [
      { column: "hypothesis_age_max", name: "oldest", colour: "faint", type: "line", sign: 1 },
      { column: "hypothesis_age_median", name: "median", colour: "accent", type: "line", sign: 1 },
    ],
  },
  {
    id: "slope",
    title: "Steepest slope of evidence",
    under: "of all hypotheses, before the step: where it is low, Monty samples",
    lines: [{ column: "evidence_slope_max", name: "steepest", colour: "accent", type: "line", sign: 1 }],
  },
];

/** The value of a column at an entry; null where there is none. */
export function valueAt(module: ModuleSlice, column: Name, i: number): number | null {
  const value = present(module[column]?.[i]);
  return column === "hypothesis_count" && value !== null && value < 0 ? null : value;
}

/** Whether a column says anything in the stretch. */
export function isTold(module: ModuleSlice, rows: Slice, column: Name): boolean {
  return rows.row.some((_, i) => valueAt(module, column, i) !== null);
}

/** The charts that have something to show. */
export function chartsOf(module: ModuleSlice, rows: Slice): HypothesisChart[] {
  return CHARTS.filter(({ lines }) => lines.some(({ column }) => isTold(module, rows, column)));
}

type Point = [x: number, y: number | null];

/** From zero to a point. ECharts' bars would make room for themselves, and then not stand below the steps of the others. */
const stem = ([x, y]: Point): Point[] => [
  [x, 0],
  [x, y],
  [x, null],
];

/** What is said beside the pointer: of the step that is nearest to it. */
function linesAt({ lines }: HypothesisChart, module: ModuleSlice, rows: Slice, course: Course, colours: Colours) {
  const xs = rows.row.map((_, i) => course.x(i));
  return (x: number) => {
    const left = Math.max(0, placeOf(xs, x));
    const right = Math.min(left + 1, xs.length - 1);
    const i = x - (xs[left] as number) <= (xs[right] as number) - x ? left : right;
    return lines.map(({ column, name, colour }) => ({
      colour: colours[colour] as string,
      name,
      words: short(valueAt(module, column, i)),
    }));
  };
}

/** Points of a line: only steps that tell it, and nothing between two episodes, so that no line joins them. */
export function pointsOf(
  module: ModuleSlice,
  rows: Slice,
  { column, sign, type }: Line,
  x: (i: number) => number,
): Point[] {
  const points: Point[] = [];
  rows.row.forEach((_, i) => {
    if (i > 0 && beginsEpisode(rows, i)) points.push([x(i), null]);
    const value = valueAt(module, column, i);
    if (value === null) return;
    const point: Point = [x(i), value === 0 ? 0 : sign * value];
    points.push(...(type === "stem" ? stem(point) : [point]));
  });
  return points;
}

/** What is said of a step, in words. */
export function wordsAt(module: ModuleSlice, i: number): string {
  const said = (column: Name) => valueAt(module, column, i);
  const [added, removed] = [said("hypotheses_added"), said("hypotheses_removed")];
  const [median, oldest] = [said("hypothesis_age_median"), said("hypothesis_age_max")];
  const [all, slope] = [said("hypothesis_count"), said("evidence_slope_max")];
  const parts = [
    all === null ? "" : `${count(all)} hypotheses`,
    added === null ? "" : `${count(added)} added, ${count(removed)} removed`,
    median === null ? "" : `median age ${short(median)}, oldest ${count(oldest)}`,
    slope === null ? "" : `steepest slope ${short(slope)}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** The option of a chart; of the last one above each other the x axis has words. */
export function hypothesisOption(
  chart: HypothesisChart,
  module: ModuleSlice,
  rows: Slice,
  course: Course,
  colours: Colours,
  isLast: boolean,
) {
  const [min, max] = course.range();
  const isStep = course.view.axis === "step";
  const words = (value: number) => (isStep ? count(value) : clock(value));
  return {
    grid: { left: LEFT, right: RIGHT, top: 8, bottom: isLast ? 22 : 8 },
    tooltip: {
      trigger: "axis",
      confine: true,
      formatter: nearestTooltip(linesAt(chart, module, rows, course, colours)),
    },
    xAxis: {
      type: isStep ? "value" : "time",
      min,
      max,
      minInterval: isStep ? 1 : undefined,
      splitNumber: 6,
      splitLine: { show: false },
      axisLine: { onZero: chart.id === "changes" },
      axisTick: { show: isLast },
      axisLabel: { show: isLast, hideOverlap: true, formatter: words },
      axisPointer: { label: { formatter: ({ value }: { value: number }) => words(value) } },
    },
    yAxis: {
      type: "value",
      scale: chart.id === "slope",
      splitNumber: 2,
      axisLabel: { formatter: (value: number) => short(chart.id === "changes" ? Math.abs(value) : value) },
    },
    series: chart.lines.map((line) => ({
      id: line.column,
      name: line.name,
      type: "line",
      animation: false,
      showSymbol: false,
      connectNulls: false,
      itemStyle: { color: colours[line.colour] },
      lineStyle: { color: colours[line.colour], width: line.type === "stem" ? 3 : 1.6 },
      emphasis: { disabled: true },
      data: pointsOf(module, rows, line, course.x),
    })),
  };
}
