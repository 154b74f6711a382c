// What the server says of metrics -> what ECharts draws: a line that is broken where numbers were not finite, points that
// stand alone, a mark where each NaN or infinity came; a band where it is thinned, a smooth line over the raw one. Pure.
import { clock, count, duration, short } from "@/look/format";
import { aboveZero, bands, nearest, smoothed, type MetricCourse } from "@/metrics/course";
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

/** How a chart is drawn; `origin`: the time that is zero on the x axis, or null for the time of day. */
export interface MetricLook {
  isLog: boolean;
  smoothing: number;
  origin: number | null;
}

export interface NamedCourse {
  name: string;
  course: MetricCourse;
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
export function hiddenWords({ values }: MetricCourse, isLog: boolean): string {
  const hidden = isLog ? values.filter((value) => value <= 0).length : 0;
  return hidden ? `${count(hidden)} not above 0 are not on this axis` : "";
}

/** For each point, whether something that is not finite stands between it and the one before. */
function gapsIn({ times_unix_millis: times, not_finite: marks }: MetricCourse): boolean[] {
  let at = 0;
  return times.map((time, i) => {
    const from = at;
    while (at < marks.length && (marks[at]?.time_unix_millis ?? Infinity) < time) at += 1;
    return i > 0 && at > from;
  });
}

type Point = [number, number | null];

/** Points of a line, with nothing where it is broken. */
function line(times: number[], values: (number | null)[], gaps: boolean[]): Point[] {
  return times.flatMap((time, i): Point[] => {
    const point: Point = [time, values[i] ?? null];
    return gaps[i] ? [[time, null], point] : [point];
  });
}

function seriesOf({ name, course, colour }: NamedCourse, at: number, look: MetricLook, warn: string) {
  const suffix = at ? String(at) : "";
  const origin = look.origin ?? 0;
  const times = course.times_unix_millis.map((time) => time - origin);
  const values = look.isLog ? aboveZero(course.values) : course.values;
  const gaps = gapsIn(course);
  const isSmooth = look.smoothing > 0;
  const common = { animation: false, silent: true, tooltip: { show: false } };
  const drawn = { type: "line", animation: false, showSymbol: false, connectNulls: false };
  const isAlone = (i: number) => (i === 0 || gaps[i]) && (i === times.length - 1 || gaps[i + 1]);
  const marks = course.not_finite.map(({ time_unix_millis: time, kind }) => {
    const { height, symbol } = KINDS[kind] ?? NONE;
    return { value: [time - origin, height], symbol };
  });
  const low = course.is_whole ? [] : bands(times, values, BANDS);
  const band = { ...common, ...drawn, lineStyle: { opacity: 0 }, stack: `band${suffix}`, stackStrategy: "all" };
  return [
    ...(low.length
      ? [
          { ...band, id: `low${suffix}`, data: low.map((one) => [one.time, one.low]) },
          {
            ...band,
            id: `band${suffix}`,
            areaStyle: { color: colour, opacity: 0.16 },
            data: low.map((one) => [one.time, one.high - one.low]),
          },
        ]
      : []),
    {
      ...drawn,
      id: `values${suffix}`,
      name,
      itemStyle: { color: colour },
      lineStyle: { width: isSmooth ? 1 : 1.5, opacity: isSmooth ? FAINT : 1, color: colour },
      data: line(times, values, gaps),
    },
    ...(isSmooth
      ? [
          {
            ...drawn,
            id: `smooth${suffix}`,
            name: `${name}, smoothed`,
            itemStyle: { color: colour },
            lineStyle: { width: 2, color: colour },
            data: line(times, smoothed(values, look.smoothing), gaps),
          },
        ]
      : []),
    {
      ...common,
      id: `dots${suffix}`,
      type: "scatter",
      symbolSize: 4,
      itemStyle: { color: colour, opacity: isSmooth ? FAINT : 1 },
      data: times.map((time, i) => [time, values[i]]).filter((_, i) => times.length < FEW || isAlone(i)),
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

/** The option of one chart of all these metrics; `from` and `to`: the shown time in milliseconds. */
export function metricOption(
  metrics: NamedCourse[],
  [from, to]: [number, number],
  look: MetricLook,
  colours: { warn: string },
) {
  const { origin } = look;
  const isSmooth = look.smoothing > 0;
  const smooth = isSmooth ? metrics.map(({ course }) => smoothed(course.values, look.smoothing)) : [];
  const linesAt = (x: number) =>
    metrics.flatMap(({ name, colour, course }, at) => {
      const i = nearest(course.times_unix_millis, x + (origin ?? 0));
      if (i < 0) return [];
      const smoothWords = isSmooth ? `, smoothed ${short(smooth[at]?.[i], 6)}` : "";
      return [{ colour, name, words: short(course.values[i], 6) + smoothWords }];
    });
  const words = (time: number) => (origin === null ? clock(time) : duration(time / 1000));
  return {
    grid: { left: LEFT, right: RIGHT, top: 8, bottom: 22 },
    tooltip: { trigger: "axis", confine: true, formatter: nearestTooltip(linesAt) },
    xAxis: {
      type: origin === null ? "time" : "value",
      min: from - (origin ?? 0),
      max: to - (origin ?? 0),
      axisLabel: {
        hideOverlap: true,
        showMinLabel: false,
        showMaxLabel: false,
        ...(origin === null ? {} : { formatter: words }),
      },
      axisPointer: { label: { formatter: ({ value }: { value: number }) => words(value) } },
      splitNumber: 3,
    },
    yAxis: [
      {
        type: look.isLog ? "log" : "value",
        scale: true,
        splitNumber: 3,
        axisLabel: { formatter: (value: number) => short(value) },
      },
      { type: "value", min: 0, max: 1, show: false },
    ],
    series: metrics.flatMap((metric, at) => seriesOf(metric, at, look, colours.warn)),
  };
}
