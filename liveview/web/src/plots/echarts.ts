// The parts of ECharts that the page draws with; all of it would be twice as large.
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { DatasetComponent, GridComponent, MarkAreaComponent, TooltipComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

const CHARTS = [BarChart, LineChart, ScatterChart];
const COMPONENTS = [DatasetComponent, GridComponent, MarkAreaComponent, TooltipComponent];

use([...CHARTS, ...COMPONENTS, CanvasRenderer]);

/** A chart in an element, which keeps it as `element.chart`: who looks at the page from outside reads there what is drawn. */
export function chartIn(element: HTMLElement & { chart?: EChartsType }, look?: object): EChartsType {
  return (element.chart = init(element, look, { renderer: "canvas" }));
}
