// Every metric the user publishes, as a small chart: searched by the server, a page of charts at a time.
import { api, escaped, runPath } from "monty-liveview/api.js";
import { many } from "monty-liveview/format.js";
import { MetricCard } from "monty-liveview/metric_card.js";
import { loading } from "monty-liveview/refresh.js";

const PAUSE_MILLIS = 1000;
const PER_PAGE = 12;

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
        <div v-if="pages > 1" class="row tight" role="group" aria-label="Pages">
          <button type="button" class="btn small" :disabled="page <= 0" @click="turnTo(page - 1)">Previous</button>
          <span class="muted small-text">{{ page + 1 }} of {{ pages }}</span>
          <button type="button" class="btn small" :disabled="page >= pages - 1" @click="turnTo(page + 1)">Next</button>
        </div>
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
