// What stands beside the pointer over a chart. ECharts' own has styles in its HTML, and the page's policy forbids these.

function span(className: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

/** What ECharts tells of a series at the pointer. */
interface Point {
  axisValue: number | string;
  axisValueLabel: string;
  color: string;
  seriesName: string;
  value: number | number[];
}

/** A title, and a line for each of what is there. */
function box(title: string, lines: { colour: string; name: string; words: string }[]): HTMLElement {
  const found = document.createElement("div");
  found.append(span("tooltip-title", title));
  for (const { colour, name, words } of lines) {
    const line = document.createElement("div");
    const dot = span("dot", "");
    dot.style.background = colour;
    line.append(dot, ` ${name} `, span("strong", words));
    found.append(line);
  }
  return found;
}

/** `tooltip.formatter` of a chart: a title, and a line for each series with its `wordsOf(value)`. */
export function tooltipOf(wordsOf: (value: number | undefined) => string) {
  return (points: Point[]): HTMLElement => {
    const lines = points.map(({ color, seriesName, value }) => ({
      colour: color,
      name: seriesName,
      words: wordsOf(Array.isArray(value) ? value.at(-1) : value),
    }));
    return box(points[0]?.axisValueLabel ?? "", lines);
  };
}

/** The same of lines whose points do not stand above each other: `linesAt(x)` says what each has nearest to the pointer. */
export function nearestTooltip(linesAt: (x: number) => { colour: string; name: string; words: string }[]) {
  return (points: Point[]): HTMLElement => box(points[0]?.axisValueLabel ?? "", linesAt(Number(points[0]?.axisValue)));
}
