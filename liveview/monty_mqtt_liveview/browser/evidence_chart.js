// Evidence of every object over the steps, of one learning module. Draws when the course says so, and only while in sight.
import { echarts } from "nicegui-echart";
import { changeOf, evidencedPlaces, optionOf } from "monty-liveview/evidence_option.js";
import { LEFT, RIGHT, PlotLines, handlePlot } from "monty-liveview/plot.js";
import { whileSeen } from "monty-liveview/seen.js";
import { onTheme, theme } from "monty-liveview/theme.js";

const SLOW_SHARE = 3; // a chart that takes long to draw is drawn less often: this many times as long it rests
const MOST_REST_MILLIS = 2000; // one that fell asleep with its laptop while it drew took hours by the clock

export default {
  components: { PlotLines },
  props: { module: String, live: Object, course: Object, selection: Object, isFirst: Boolean, isLast: Boolean },
  emits: ["select"],
  data: () => ({ drawn: 0 }),
  mounted() {
    this.chart = echarts.init(this.$refs.chart);
    this.chart.getZr().setSleepAfterStill(1);
    this.looks = "";
    this.restUntil = 0;
    this.sight = whileSeen(this.$el, this.draw);
    this.offs = [
      this.course.onDraw(() => this.sight.askNow()),
      onTheme(() => this.sight.ask()),
      handlePlot(this.$refs.plot, this.course, (row) => this.$emit("select", row)),
    ];
    this.resizing = new ResizeObserver(() => {
      this.chart.resize();
      this.sight.ask();
    });
    this.resizing.observe(this.$refs.chart);
  },
  beforeUnmount() {
    this.offs.forEach((off) => off());
    this.resizing.disconnect();
    this.sight.close();
    clearTimeout(this.timer);
    this.chart.dispose();
  },
  methods: {
    draw() {
      const wait = this.restUntil - performance.now();
      if (wait > 0) {
        this.timer ??= setTimeout(() => {
          this.timer = null;
          this.sight.ask();
        }, wait);
        return;
      }
      const begun = performance.now();
      this.drawNow();
      const now = performance.now();
      this.restUntil = now + Math.min(MOST_REST_MILLIS, SLOW_SHARE * (now - begun));
    },
    drawNow() {
      const rows = this.course.rows();
      const module = rows?.learning_modules[this.module];
      if (!module) return;
      const places = evidencedPlaces(module);
      const place = { isFirst: this.isFirst, isLast: this.isLast, pixels: this.$refs.plot.clientWidth - LEFT - RIGHT };
      const { course, live } = this;
      const given = { module, places, rows, course, episodes: live.episodes, colours: theme(), place };
      const looks = JSON.stringify([places, place, course.view.axis, given.colours]);
      if (looks === this.looks) this.chart.setOption(changeOf(given));
      else this.chart.setOption(optionOf(given), { replaceMerge: ["series"] });
      this.looks = looks;
      this.drawn += 1;
    },
  },
  template: `
    <div class="plot evidence" :data-testid="'evidence-' + module">
      <div ref="plot" class="plot-area" tabindex="0" role="img"
        :aria-label="'Evidence of every object over the steps, ' + module + '. Plus and minus zoom; the values of the selected step stand beside it.'">
        <div ref="chart" class="plot-canvas" data-testid="evidence-canvas"></div>
        <PlotLines :course="course" :selection="selection" :drawn="drawn" />
      </div>
    </div>
  `,
};
