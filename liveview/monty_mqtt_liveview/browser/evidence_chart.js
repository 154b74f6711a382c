// Evidence of every object over the steps, of one learning module.
import { echarts } from "nicegui-echart";

export default {
  props: { module: String, live: Object },
  mounted() {
    const chart = echarts.init(this.$el);
    const series = new Map();
    this.live.onSteps((steps) => {
      const module = steps.learning_modules[this.module];
      if (!module) return;
      module.objects.forEach((name, place) => {
        if (!series.has(name)) series.set(name, []);
        const points = series.get(name);
        steps.row.forEach((row, i) => points.push([row, module.evidence[place][i]]));
      });
      chart.setOption({
        animation: false,
        xAxis: { type: "value" },
        yAxis: { type: "value" },
        series: [...series].map(([name, points]) => ({ name, type: "line", data: points, showSymbol: false })),
      });
    });
  },
  template: `<div style="height: 240px"></div>`,
};
