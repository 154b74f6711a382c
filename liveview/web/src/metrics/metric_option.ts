// What the server says of metrics -> what ECharts draws: a line that is broken where numbers were not finite, points that
// stand alone, a mark where each NaN or infinity came; a band where it is thinned, a smooth line over the raw one. Pure.
import { clock, count, duration, many, short } from "@/look/format";
import { aboveZero, type Axis, bands, type Course, marksOf, nearest, placesOf, smoothed } from "@/metrics/course";
import type { Colours } from "@/look/theme";
import { LEFT, RIGHT } from "@/plots/plot_margins";
import { nearestTooltip } from "@/plots/tooltip";

const FEW = 30; // so few points are all shown as such
const BANDS = 240; // a band is some pixels wide
const FAINT = 0.35; // of a raw line behind its smooth one

interface Kind {
  words: string;
  height: number; // where in the plot its marks stand, 0 to 1: infinity on top
  symbol: string;
}

const NONE: Kind = { words: "no number", height: 0.03, symbol: "diamond" };
const KINDS: Record<string, Kind> = {
  nan: { words: "NaN", height: 0.03, symbol: "diamond" },
  inf: { words: "∞", height: 0.97, symbol: "triangle" },
  "-inf": { words: "−∞", height: 0.03, symbol: "path://M0,0L10,0L5,10Z" },
  none: NONE,
};

/** How a chart is drawn; `origin`: what is zero on the x axis; `words`: of a value on the y axis. */
export interface MetricLook {
  isLog: boolean;
  smoothing: number;
  axis: Axis;
  origin: number;
  words?: (value: number) => string;
}

export interface NamedCourse {
  name: string;
  course: Course;
  colour: string;
}

/** A latest value in words. */
export function latestWords(value: number | null, notFinite: string | null): string {
  return value === null && notFinite ? (KINDS[notFinite] ?? NONE).words : short(value, 6);
}

/** 48 NaN, 2 ∞ */
export function notFiniteWords(counts: Record<string, number> | null | undefined): string {
  return Object.entries(counts ?? {})
    .map(([kind, n]) => `${count(n)} ${(KINDS[kind] ?? NONE).words}`)
    .join(", ");
}

/** What a logarithmic axis cannot show, in words; empty if there is nothing. */
export function hiddenWords({ values }: Pick<Course, "values">, isLog: boolean): string {
  const hidden = isLog ? values.filter((value) => value <= 0).length : 0;
  return hidden ? `${count(hidden)} not above 0 are not on this axis` : "";
}

/** What has no place on the x axis, in words; empty if there is nothing. */
export function leftOutWords(leftOut: number, axis: string): string {
  return leftOut ? `${many(leftOut, "value")} without ${axis === "step" ? "a" : "an"} ${axis} left out` : "";
}

/** A place on the x axis in words; `origin` is taken off already. */
export function placeWords(place: number, axis: Axis): string {
  if (axis === "time") return clock(place);
  if (axis === "elapsed") return duration(place / 1000);
  return Number.isInteger(place) ? count(place) : short(place, 6);
}

/** The shown stretch of the x axis in words. */
export function stretchWords([from, to]: [number, number], { axis, origin }: MetricLook): string {
  const unit = axis === "time" || axis === "elapsed" ? "" : `${axis} `;
  return `${unit}${placeWords(from - origin, axis)} to ${placeWords(to - origin, axis)}`;
}

/** For each point, whether something that is not finite stands between it and the one before. */
function gapsIn(places: number[], marks: { place: number }[]): boolean[] {
  let at = 0;
  return places.map((place, i) => {
    const from = at;
    while (at < marks.length && (marks[at]?.place ?? Infinity) < place) at += 1;
    return i > 0 && at > from;
  });
}

type Point = [number, number | null];

/** Points of a line, with nothing where it is broken. */
function line(places: number[], values: (number | null)[], gaps: boolean[]): Point[] {
  return places.flatMap((place, i): Point[] => {
    const point: Point = [place, values[i] ?? null];
    return gaps[i] ? [[place, null], point] : [point];
  });
}

function seriesOf({ name, course, colour }: NamedCourse, at: number, look: MetricLook, warn: string | undefined) {
  const suffix = at ? String(at) : "";
  const { axis, origin } = look;
  const places = placesOf(course, axis).map((place) => place - origin);
  const marked = marksOf(course, axis).map(({ place, kind }) => ({ place: place - origin, kind }));
  const values = look.isLog ? aboveZero(course.values) : course.values;
  const gaps = gapsIn(places, marked);
  const isSmooth = look.smoothing > 0;
  const common = { animation: false, silent: true, tooltip: { show: false } };
  const drawn = { type: "line", animation: false, showSymbol: false, connectNulls: false };
  const isAlone = (i: number) => (i === 0 || gaps[i]) && (i === places.length - 1 || gaps[i + 1]);
  const marks = marked.map(({ place, kind }) => {
    const { height, symbol } = KINDS[kind] ?? NONE;
    return { value: [place, height], symbol };
  });
  const low = course.is_whole ? [] : bands(places, values, BANDS);
  const band = { ...common, ...drawn, lineStyle: { opacity: 0 }, stack: `band${suffix}`, stackStrategy: "all" };
  return [
    ...(low.length
      ? [
          { ...band, id: `low${suffix}`, data: low.map((one) => [one.place, one.low]) },
          {
            ...band,
            id: `band${suffix}`,
            areaStyle: { color: colour, opacity: 0.16 },
            data: low.map((one) => [one.place, one.high - one.low]),
          },
        ]
      : []),
    {
      ...drawn,
      id: `values${suffix}`,
      name,
      itemStyle: { color: colour },
      lineStyle: { width: isSmooth ? 1 : 1.5, opacity: isSmooth ? FAINT : 1, color: colour },
      data: line(places, values, gaps),
    },
    ...(isSmooth
      ? [
          {
            ...drawn,
            id: `smooth${suffix}`,
            name: `${name}, smoothed`,
            itemStyle: { color: colour },
            lineStyle: { width: 2, color: colour },
            data: line(places, smoothed(values, look.smoothing), gaps),
          },
        ]
      : []),
    {
      ...common,
      id: `dots${suffix}`,
      type: "scatter",
      symbolSize: 4,
      itemStyle: { color: colour, opacity: isSmooth ? FAINT : 1 },
      data: places.map((place, i) => [place, values[i]]).filter((_, i) => places.length < FEW || isAlone(i)),
    },
    {
      ...common,
      id: `not_finite${suffix}`,
      type: "scatter",
      yAxisIndex: 1,
      symbolSize: 7,
      itemStyle: { color: warn },
      data: marks,
    },
  ];
}

/** The option of one chart of all these metrics; `from` and `to`: the shown stretch of the x axis. */
export function metricOption(metrics: NamedCourse[], [from, to]: [number, number], look: MetricLook, colours: Colours) {
  const { axis, origin, words: valueWords = (value: number | undefined) => short(value, 6) } = look;
  const isSmooth = look.smoothing > 0;
  const smooth = isSmooth ? metrics.map(({ course }) => smoothed(course.values, look.smoothing)) : [];
  const linesAt = (x: number) =>
    metrics.flatMap(({ name, colour, course }, at) => {
      const i = nearest(placesOf(course, axis), x + origin);
      const value = course.values[i];
      if (value === undefined) return [];
      const smoothWords = isSmooth ? `, smoothed ${short(smooth[at]?.[i], 6)}` : "";
      return [{ colour, name, words: valueWords(value) + smoothWords }];
    });
  const words = (place: number) => placeWords(place, axis);
  const title = (place: number) => (axis === "time" || axis === "elapsed" ? "" : `${axis} `) + words(place);
  return {
    grid: { left: LEFT, right: RIGHT, top: 8, bottom: 22 },
    tooltip: { trigger: "axis", confine: true, formatter: nearestTooltip(linesAt) },
    xAxis: {
      type: axis === "time" ? "time" : "value",
      min: from - origin,
      max: to - origin,
      axisLabel: {
        hideOverlap: true,
        showMinLabel: false,
        showMaxLabel: false,
        ...(axis === "time" ? {} : { formatter: words }),
      },
      axisPointer: { label: { formatter: ({ value }: { value: number }) => title(value) } },
      splitNumber: 3,
    },
    yAxis: [
      {
        type: look.isLog ? "log" : "value",
        scale: true,
        splitNumber: 3,
        axisLabel: { formatter: look.words ?? ((value: number) => short(value)) },
      },
      { type: "value", min: 0, max: 1, show: false },
    ],
    series: metrics.flatMap((metric, at) => seriesOf(metric, at, look, colours.warn)),
  };
}
