// ECharts in the page's colours: follows its element's size and the theme.
import { echarts } from "nicegui-echart";
import { whileSeen } from "monty-liveview/seen.js";
import { onTheme, theme } from "monty-liveview/theme.js";

const ends = new WeakMap();

function look() {
  const colours = theme();
  const axis = {
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.faint, fontSize: 11 },
    splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
    nameTextStyle: { color: colours.faint, fontSize: 11 },
  };
  return {
    color: [colours.accent],
    textStyle: { fontFamily: "Inter, Roboto, system-ui, sans-serif", color: colours.text },
    categoryAxis: axis,
    valueAxis: axis,
    timeAxis: axis,
    tooltip: {
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontSize: 12 },
    },
  };
}

/** An ECharts instance in `element`; `onLook` is called after its colours changed. */
export function initChart(element, onLook = () => {}) {
  const chart = echarts.init(element, look(), { renderer: "canvas" });
  const observer = new ResizeObserver(() => {
    if (element.clientWidth && element.clientHeight) chart.resize();
  });
  observer.observe(element);
  const offTheme = onTheme(() => {
    chart.setTheme(look());
    onLook(chart);
  });
  ends.set(chart, () => {
    observer.disconnect();
    offTheme();
  });
  return chart;
}

export function disposeChart(chart) {
  ends.get(chart)?.();
  chart.dispose();
}

/** A chart that shows `option`, made when it comes into sight. `label` says in words what it shows. */
export const Chart = {
  props: { option: Object, label: String, height: { type: String, default: "160px" } },
  mounted() {
    this.sight = whileSeen(this.$el, this.show);
    this.sight.ask();
  },
  beforeUnmount() {
    this.sight.close();
    if (this.chart) disposeChart(this.chart);
  },
  watch: {
    option() {
      this.sight.ask();
    },
  },
  methods: {
    show() {
      this.chart ??= initChart(this.$el);
      this.chart.setOption({ animation: false, ...this.option }, { replaceMerge: ["series"] });
    },
  },
  template: `<div role="img" :aria-label="label" :style="{ height }"></div>`,
};
