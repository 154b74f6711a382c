// Rows -> what ECharts draws of one learning module: a line per object, a broad band below the best one that stands for the
// target, Monty's threshold, and a tinted band per episode. Pure.
import type { EpisodeRow } from "@/server/openapi";
import { type ModuleSlice, type Slice, beginsEpisode, episodesIn } from "@/steps/row_slices";
import type { Course } from "@/steps/shown_range";
import type { Colours } from "@/look/theme";
import { clock, count, short } from "@/look/format";
import { goalsIn } from "@/evidence/error_course";
import { colourOf, dashOf, outcomeColour, outcomeWords } from "@/look/palette";
import { LEFT, RIGHT } from "@/plots/plot_margins";

const MOST_BANDS = 150; // more episodes than this are thinner than a band can be seen
const ROWS_PER_EPISODE = 4; // with fewer entries of each, lines would be nothing but gaps
const LABEL_PIXELS = 64;

type X = Course["x"];
type Episodes = Map<string, EpisodeRow>;

/** Which chart it is of those above each other, and how wide. */
interface Place {
  isFirst: boolean;
  isLast: boolean;
  pixels: number;
}

interface Bands {
  rows: Slice;
  course: Course;
  episodes: Episodes;
  colours: Colours;
  place: Place;
}

interface Given extends Bands {
  module: ModuleSlice;
  places: number[];
}

/**
 * The columns to draw of a learning module, by name: `x`, `threshold`, `target` and one per place of an object (`o0` …).
 * A row of nothing stands between two episodes, so that no line joins them.
 */
export function columnsOf(module: ModuleSlice, places: number[], rows: Slice, x: X): Record<string, number[]> {
  const breaks = episodesIn(rows).length * ROWS_PER_EPISODE <= rows.row.length;
  const [xs, threshold, target] = [[], [], []] as [number[], number[], number[]];
  const columns: Record<string, number[]> = { x: xs, threshold, target };
  const right = module.target_sets.map((set) => set.map((name) => module.objects.indexOf(name)));
  const lines = places.map((place) => [(columns[`o${place}`] = []) as number[], module.evidence[place]] as const);
  for (let i = 0; i < rows.row.length; i++) {
    if (breaks && i > 0 && beginsEpisode(rows, i)) {
      for (const name in columns) columns[name]?.push(name === "x" ? x(i) : NaN);
    }
    xs.push(x(i));
    threshold.push(module.threshold[i] ?? NaN);
    target.push(greatestOf(module, right[module.target_graphs[i] ?? -1] ?? [], i));
    for (const [column, evidence] of lines) column.push(evidence?.[i] ?? NaN);
  }
  return columns;
}

/** The greatest evidence of some places at an entry; NaN where none has any. */
function greatestOf(module: ModuleSlice, places: number[], i: number): number {
  const values = places.map((place) => module.evidence[place]?.[i] ?? NaN).filter(Number.isFinite);
  return values.length ? Math.max(...values) : NaN;
}

/** Places of the objects that have evidence; others are known as targets only, or are Monty's words for none. */
export function evidencedPlaces(module: ModuleSlice): number[] {
  const isThere = (value: number | null) => value !== null && !Number.isNaN(value);
  return module.objects.map((_, place) => place).filter((place) => module.evidence[place]?.some(isThere));
}

/** One tinted area per episode, by target or by outcome. */
function bands({ rows, course, episodes, colours, place }: Bands, span: number) {
  const { x } = course;
  const { tint } = course.view;
  const found = episodesIn(rows);
  if (found.length > MOST_BANDS) return [];
  return found.map(([first, last], i) => {
    const known = episodes.get(`${rows.mode[first]}/${rows.episode[first]}`);
    const target = known?.target ?? rows.target_object?.[first] ?? null;
    const name = tint === "target" ? (target ?? "") : known?.outcome ? outcomeWords(known.outcome) : "";
    const colour = tint === "target" ? target && colourOf(target) : known?.outcome && outcomeColour(known.outcome);
    const next = found[i + 1]?.[0] ?? last;
    const room = ((x(next) - x(first)) / span) * place.pixels;
    const area = { xAxis: x(first), name: room > LABEL_PIXELS ? name : "" };
    const itemStyle = { color: colour || colours.line, opacity: colour ? 0.13 : 0.3 };
    const label = { width: Math.max(0, room - 8), overflow: "truncate", ellipsis: "…" };
    return [{ ...area, itemStyle, label }, { xAxis: x(next) }];
  });
}

/** Goal states: a diamond on the evidence at the step that set one, filled where it was reached. */
function marksOf({ module, rows, course, colours }: Given) {
  const data = episodesIn(rows)
    .flatMap(([first, last]) => goalsIn(rows, module, first, last))
    .map(({ row, isReached }) => {
      const i = rows.row.indexOf(row);
      const itemStyle = {
        color: isReached ? colours.text : colours.surface,
        borderColor: colours.text,
        borderWidth: 1.2,
      };
      return { value: [course.x(i), module.winner_evidence[i] ?? NaN], itemStyle };
    });
  return { id: "goals", data };
}

/** The option of a chart; `place` says which one it is: {isFirst, isLast, pixels}. */
export function optionOf(given: Given) {
  const { module, places, rows, course, episodes, colours, place } = given;
  const { view } = course;
  const [min, max] = course.range();
  const isStep = view.axis === "step";
  const emphasis = { disabled: true };
  const common = { type: "line", showSymbol: false, animation: false, silent: true, connectNulls: false, emphasis };
  const line = (id: string, y: string, style: object, extra: object = {}) => ({
    ...common,
    id,
    encode: { x: "x", y },
    lineStyle: style,
    ...extra,
  });
  return {
    animation: false,
    grid: { left: LEFT, right: RIGHT, top: place.isFirst ? 20 : 8, bottom: place.isLast ? 22 : 8 },
    xAxis: {
      type: isStep ? "value" : "time",
      min,
      max,
      minInterval: isStep ? 1 : undefined,
      splitNumber: Math.max(2, Math.round(place.pixels / 110)),
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: place.isLast },
      axisLabel: {
        show: place.isLast,
        hideOverlap: true,
        showMinLabel: isStep ? undefined : false,
        color: colours.faint,
        fontSize: 11,
        formatter: (value: number) => (isStep ? count(value) : clock(value)),
      },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      scale: true,
      splitNumber: 3,
      axisLabel: { color: colours.faint, fontSize: 11, formatter: (value: number) => short(value) },
      splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
    },
    dataset: { source: columnsOf(module, places, rows, course.x) },
    series: [
      { ...common, ...bandsOf({ rows, course, episodes, colours, place }), data: [] },
      line("target", "target", { color: colours.text, width: 7, opacity: 0.16 }, { z: 1 }),
      ...places.map((i) => {
        const name = module.objects[i] as string;
        return line(`o${i}`, `o${i}`, { color: colourOf(name), type: dashOf(name), width: 1.6 }, { name, z: 3 });
      }),
      line("threshold", "threshold", { color: colours.text, width: 1.2, type: [3, 3], opacity: 0.8 }, { z: 4 }),
      { ...common, ...marksOf(given), type: "scatter", symbol: "diamond", symbolSize: 9, z: 5 },
    ],
  };
}

/** What of the option changes with every step; the rest of it stays as it was given before. */
export function changeOf(given: Given) {
  const { module, places, rows, course, episodes, colours, place } = given;
  const [min, max] = course.range();
  return {
    xAxis: { min, max },
    dataset: { source: columnsOf(module, places, rows, course.x) },
    series: [bandsOf({ rows, course, episodes, colours, place }), marksOf(given)],
  };
}

/** The bands, as the part of their series that changes. */
function bandsOf(shown: Bands) {
  const { course, colours, place } = shown;
  const [min, max] = course.range();
  const data = bands(shown, max - min);
  const label = { show: place.isFirst, position: ["0%", -15], color: colours.faint, fontSize: 10.5, align: "left" };
  return { id: "episodes", markArea: { silent: true, animation: false, data, label } };
}
