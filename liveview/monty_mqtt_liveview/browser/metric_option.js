// What the server says of a metric -> what ECharts draws: a line that is broken where numbers were not finite, points that
// stand alone, and a mark where each NaN or infinity came. Pure.
import { count, short } from "monty-liveview/format.js";
import { LEFT, RIGHT } from "monty-liveview/plot.js";

const FEW = 30; // so few points are all shown as such

// By kind: what it is called, and where in the plot its marks stand: infinity on top.
const KINDS = {
  nan: { words: "NaN", height: 0.03, symbol: "diamond" },
  inf: { words: "∞", height: 0.97, symbol: "triangle" },
  "-inf": { words: "−∞", height: 0.03, symbol: "path://M0,0L10,0L5,10Z" },
  none: { words: "no number", height: 0.03, symbol: "diamond" },
};

/** A latest value in words. */
export function latestWords(value, notFinite) {
  return value === null && notFinite ? (KINDS[notFinite] ?? KINDS.none).words : short(value, 6);
}

/** 48 NaN, 2 ∞ */
export function notFiniteWords(counts) {
  return Object.entries(counts ?? {})
    .map(([kind, n]) => `${count(n)} ${(KINDS[kind] ?? KINDS.none).words}`)
    .join(", ");
}

/** {line, dots}: entries of the line with a gap where something not finite stands between two, and those without neighbours. */
function drawn({ times_unix_millis: times, values, not_finite: marks }) {
  const line = [];
  const gaps = [];
  let at = 0;
  times.forEach((time, i) => {
    const from = at;
    while (at < marks.length && marks[at].time_unix_millis < time) at += 1;
    gaps.push(i > 0 && at > from);
    if (gaps[i]) line.push([time, null]);
    line.push([time, values[i]]);
  });
  const isAlone = (i) => (i === 0 || gaps[i]) && (i === times.length - 1 || gaps[i + 1]);
  const dots = times.map((time, i) => [time, values[i]]).filter((_, i) => times.length < FEW || isAlone(i));
  return { line, dots };
}

/** The option; `from` and `to`: the shown time in milliseconds. */
export function metricOption(said, [from, to], colours) {
  const { line, dots } = drawn(said);
  const label = { color: colours.faint, fontSize: 11 };
  const common = { animation: false, silent: true, tooltip: { show: false } };
  const marks = said.not_finite.map(({ time_unix_millis: time, kind }) => {
    const { height, symbol } = KINDS[kind] ?? KINDS.none;
    return { value: [time, height], symbol };
  });
  return {
    grid: { left: LEFT, right: RIGHT, top: 8, bottom: 22 },
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value) => short(value, 6) },
    xAxis: { type: "time", min: from, max: to, axisLabel: { hideOverlap: true, showMinLabel: false, showMaxLabel: false }, splitNumber: 3 },
    yAxis: [
      { type: "value", scale: true, splitNumber: 3, axisLabel: { formatter: (value) => short(value) } },
      { type: "value", min: 0, max: 1, show: false },
    ],
    series: [
      { id: "values", type: "line", animation: false, showSymbol: false, connectNulls: false, lineStyle: { width: 1.5 }, data: line },
      { ...common, id: "dots", type: "scatter", symbolSize: 4, data: dots },
      {
        ...common,
        id: "not_finite",
        type: "scatter",
        yAxisIndex: 1,
        symbolSize: 7,
        itemStyle: { color: colours.warn },
        label,
        data: marks,
      },
    ],
  };
}
