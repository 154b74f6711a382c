// One metric: its latest value, and its course as a chart that zooms down to every value that was published.
import { api, escaped, runPath } from "monty-liveview/api.js";
import { Chart } from "monty-liveview/chart.js";
import { age, clock, many, short } from "monty-liveview/format.js";
import { latestWords, metricOption, notFiniteWords } from "monty-liveview/metric_option.js";
import { now } from "monty-liveview/now.js";
import { handlePlot } from "monty-liveview/plot.js";
import { makeRefresher } from "monty-liveview/refresh.js";
import { whileSeen } from "monty-liveview/seen.js";
import { isDark, theme } from "monty-liveview/theme.js";
import { timeStretch } from "monty-liveview/time_stretch.js";

const PAUSE_MILLIS = 2000;
const ZOOM_MILLIS = 120;

export const MetricCard = {
  components: { Chart },
  props: { run: String, metric: Object, showsWorker: Boolean },
  data() {
    return { said: null, error: "", stretch: timeStretch(() => this.onZoom()) };
  },
  created() {
    this.refresher = makeRefresher(this.load, PAUSE_MILLIS);
  },
  mounted() {
    this.sight = whileSeen(this.$el, this.refresher.request);
    this.sight.ask();
    this.off = handlePlot(this.$refs.plot, this.stretch, () => {});
  },
  beforeUnmount() {
    this.off();
    clearTimeout(this.timer);
    this.sight.close();
    this.refresher.stop();
  },
  computed: {
    label() {
      const { name, count: n, latest, latest_not_finite: kind } = this.metric;
      return `${name}: ${many(n, "value")}, the latest ${latestWords(latest, kind)}. Plus and minus zoom.`;
    },
    option() {
      void isDark();
      return this.said && metricOption(this.said, this.stretch.millis(), theme());
    },
    isZoomed() {
      return !this.stretch.view.isWhole;
    },
    shownWords() {
      const [from, to] = this.stretch.millis();
      const where = this.isZoomed ? `${clock(from)} to ${clock(to)}` : "";
      const how = this.said && !this.said.is_whole ? "least and greatest of each stretch; zoom in for every value" : "";
      return [where, how || (this.isZoomed ? "every value" : "")].filter(Boolean).join(", ");
    },
    metadataText() {
      const parts = Object.entries(this.said?.metadata ?? {}).map(
        ([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`,
      );
      return parts.join(" · ").slice(0, 300);
    },
    notFinite() {
      return notFiniteWords(this.metric.not_finite);
    },
    now: () => now.value,
  },
  watch: {
    "metric.count"() {
      this.sight.ask();
    },
  },
  methods: {
    age,
    latestWords,
    many,
    short,
    onZoom() {
      clearTimeout(this.timer);
      this.timer = setTimeout(this.load, ZOOM_MILLIS);
    },
    async load() {
      const { worker, name } = this.metric;
      const [first, last] = this.isZoomed ? this.stretch.millis() : [null, null];
      try {
        const said = await api(runPath(this.run, "metric", { worker: escaped(worker), name: escaped(name), first, last }));
        const isWanted = this.isZoomed ? this.stretch.millis()[0] === first && this.stretch.millis()[1] === last : first === null;
        if (!isWanted) return; // it was zoomed meanwhile, and asked for again
        this.stretch.grow(said.first_unix_millis, said.last_unix_millis);
        this.said = Object.freeze(said);
        this.error = "";
      } catch (error) {
        this.error = error.message;
      }
    },
  },
  template: `
    <article class="panel metric">
      <h3 class="metric-name" :title="metric.name">{{ metric.name }}</h3>
      <div class="row"><span class="metric-value">{{ latestWords(metric.latest, metric.latest_not_finite) }}</span>
        <span class="muted small-text grow">{{ many(metric.count, "value") }} · {{ age(metric.latest_unix_millis, now) }}</span>
        <span v-if="notFinite" class="warn small-text" data-testid="not-finite">{{ notFinite }}</span></div>
      <p v-if="showsWorker" class="muted small-text clip">{{ metric.worker }}</p>
      <p v-if="metadataText" class="muted small-text clip" :title="metadataText">{{ metadataText }}</p>
      <p v-if="error" class="bad">{{ error }}</p>
      <div ref="plot" class="plot-area metric-plot" tabindex="0" role="group" :aria-label="label">
        <Chart v-if="option" :option="option" :label="label" height="130px" data-testid="metric-canvas" />
      </div>
      <div class="row tight metric-shown"><span class="muted small-text clip grow" :title="shownWords" data-testid="shown">{{ shownWords }}</span>
        <button v-if="isZoomed" type="button" class="btn small" @click="stretch.showAll()">Show all</button></div>
    </article>
  `,
};
