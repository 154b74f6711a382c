// Charts over the same time: where the pointer is in one of them, all show their values. ECharts' own `connect` looks for
// the very same x in the others, and metrics are seldom published in the same microsecond.
import type { EChartsType } from "echarts/core";

const charts = new Set<EChartsType>();
const X_AXIS = { xAxisIndex: 0 };

function showAt(chart: EChartsType, x: number): void {
  const pixel = chart.convertToPixel(X_AXIS, x);
  const height = chart.getHeight() / 2;
  if (chart.containPixel({ gridIndex: 0 }, [pixel, height]))
    chart.dispatchAction({ type: "showTip", x: pixel, y: height });
  else chart.dispatchAction({ type: "hideTip" });
}

/** Let a chart show its values with the others, and lead them while the pointer is in it; returns what ends it. */
export function join(chart: EChartsType): () => void {
  const others = () => [...charts].filter((one) => one !== chart);
  const follow = ({ offsetX }: { offsetX: number }) => {
    const x = chart.convertFromPixel(X_AXIS, offsetX) as unknown as number;
    for (const other of others()) showAt(other, x);
  };
  const leave = () => {
    for (const other of others()) other.dispatchAction({ type: "hideTip" });
  };
  charts.add(chart);
  chart.getZr().on("mousemove", follow);
  chart.getZr().on("globalout", leave);
  return () => {
    charts.delete(chart);
    leave();
  };
}
