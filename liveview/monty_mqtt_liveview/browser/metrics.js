// Every metric the user publishes, as a small chart: searched by the server, a page of charts at a time.
import { api, escaped, runPath } from "monty-liveview/api.js";
import { Chart } from "monty-liveview/chart.js";
import { age, many, short } from "monty-liveview/format.js";
import { now } from "monty-liveview/now.js";
import { loading, makeRefresher } from "monty-liveview/refresh.js";
import { whileSeen } from "monty-liveview/seen.js";

const PAUSE_MILLIS = 1000;
const CHART_PAUSE_MILLIS = 2000;
const PER_PAGE = 12;

function optionOf({ times_unix_millis: times, values }) {
  return {
    grid: { left: 4, right: 12, top: 8, bottom: 2, containLabel: true },
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value) => short(value, 6) },
    xAxis: { type: "time", axisLabel: { hideOverlap: true }, splitNumber: 3 },
    yAxis: { type: "value", scale: true, splitNumber: 3, axisLabel: { formatter: (value) => short(value) } },
    series: [
      {
        id: "values",
        type: "line",
        showSymbol: times.length < 30,
        symbolSize: 4,
        lineStyle: { width: 1.5 },
        data: times.map((time, i) => [time, values[i]]),
      },
    ],
  };
}

const MetricCard = {
  components: { Chart },
  props: { run: String, metric: Object, showsWorker: Boolean },
  data: () => ({ option: null, metadata: {}, error: "" }),
  created() {
    this.refresher = makeRefresher(this.load, CHART_PAUSE_MILLIS);
  },
  mounted() {
    this.sight = whileSeen(this.$el, this.refresher.request);
    this.sight.ask();
  },
  beforeUnmount() {
    this.sight.close();
    this.refresher.stop();
  },
  computed: {
    label() {
      const { name, count: n, latest } = this.metric;
      return `${name}: ${many(n, "value")}, the latest ${short(latest, 6)}`;
    },
    metadataText() {
      const parts = Object.entries(this.metadata).map(
        ([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`,
      );
      return parts.join(" · ").slice(0, 300);
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
    many,
    short,
    async load() {
      const { worker, name } = this.metric;
      try {
        const said = await api(runPath(this.run, "metric", { worker: escaped(worker), name }));
        this.option = optionOf(said);
        this.metadata = said.metadata ?? {};
        this.error = "";
      } catch (error) {
        this.error = error.message;
      }
    },
  },
  template: `
    <article class="panel metric">
      <h3 class="metric-name" :title="metric.name">{{ metric.name }}</h3>
      <div class="row"><span class="metric-value">{{ short(metric.latest, 6) }}</span>
        <span
          class="muted small-text grow">{{ many(metric.count, "value") }} · {{ age(metric.latest_unix_millis, now) }}</span></div>
      <p v-if="showsWorker" class="muted small-text clip">{{ metric.worker }}</p>
      <p v-if="metadataText" class="muted small-text clip" :title="metadataText">{{ metadataText }}</p>
      <p v-if="error" class="bad">{{ error }}</p>
      <Chart v-if="option" :option="option" :label="label" height="130px" />
    </article>
  `,
};

export const Metrics = {
  components: { MetricCard },
  mixins: [loading(PAUSE_MILLIS)],
  props: { live: Object, selection: Object },
  data: () => ({ shown: [], count: 0, search: "", page: 0 }),
  computed: {
    revision() {
      return `${this.live.store.metrics} ${this.selection.worker}`;
    },
    pages() {
      return Math.max(1, Math.ceil(this.count / PER_PAGE));
    },
    showsWorker() {
      return !this.selection.worker && Object.keys(this.live.store.workers).length > 1;
    },
  },
  watch: {
    revision() {
      this.refresher.request();
    },
    search() {
      this.turnTo(0);
    },
  },
  methods: {
    many,
    async load() {
      const worker = this.selection.worker ? escaped(this.selection.worker) : null;
      const asked = { worker, search: this.search.trim(), first: this.page * PER_PAGE, most: PER_PAGE };
      const said = await api(runPath(this.live.run, "metrics", asked));
      this.shown = Object.freeze(said.metrics);
      this.count = said.count;
      if (this.page >= this.pages) this.turnTo(this.pages - 1); // another worker has fewer
    },
    turnTo(page) {
      this.page = page;
      this.refresher.request();
    },
  },
  template: `
    <div class="stack">
      <div class="row">
        <label class="labelled grow">Search <input class="field small grow" type="search" v-model="search"
          placeholder="part of a name" /></label>
        <span class="muted small-text" aria-live="polite">{{ many(count, "metric") }}</span>
        <button type="button" class="btn small" :disabled="page <= 0" @click="turnTo(page - 1)">Previous</button>
        <span class="muted small-text">{{ page + 1 }} of {{ pages }}</span>
        <button type="button" class="btn small" :disabled="page >= pages - 1" @click="turnTo(page + 1)">Next</button>
      </div>
      <p v-if="error" class="bad" role="alert">{{ error }}</p>
      <div v-if="isLoaded && !count" class="empty small">
        <template v-if="search">No metric has this in its name.</template>
        <template v-else><p>No metric was published yet. In the experiment:</p>
          <code class="code" tabindex="0">self.broadcaster.publish_metric("loss", 0.5, epoch=1)</code></template>
      </div>
      <div class="metrics"><MetricCard v-for="one in shown" :key="one.worker + '/' + one.name" :run="live.run" :metric="one"
        :showsWorker="showsWorker" /></div>
    </div>
  `,
};
