// Data streams and state values as the user published them.
import { api, escaped, runPath } from "monty-liveview/api.js";
import { age, byName, dateTime, many } from "monty-liveview/format.js";
import { JsonTree } from "monty-liveview/json_tree.js";
import { now } from "monty-liveview/now.js";
import { loading } from "monty-liveview/refresh.js";

const PAUSE_MILLIS = 500;
const MOST = 100;

/** What a data stream said before, from the recording: asked for when it is opened, older values page by page. */
const StreamHistory = {
  components: { JsonTree },
  props: { live: Object, worker: String, stream: String },
  data: () => ({ values: [], count: 0, error: "" }),
  methods: {
    dateTime,
    many,
    async load(before = null) {
      const query = { worker: escaped(this.worker), stream: escaped(this.stream), count: MOST, before };
      try {
        const said = await api(runPath(this.live.run, "stream", query));
        this.values = Object.freeze([...said.values].reverse());
        this.count = said.count;
        this.error = "";
      } catch (error) {
        this.error = error.message;
      }
    },
  },
  template: `
    <details @toggle="$event.target.open && load()">
      <summary>History</summary>
      <p v-if="error" class="bad" role="alert">{{ error }}</p>
      <div class="row"><span class="muted small-text grow">{{ many(count, "value") }} recorded</span>
        <button type="button" class="btn small" :disabled="!values.at(-1)?.number" @click="load(values.at(-1).number)">Older</button>
        <button type="button" class="btn small" @click="load()">Newest</button></div>
      <div v-for="one in values" :key="one.number" class="row">
        <span class="muted small-text nowrap">{{ one.number }} · {{ dateTime(one.time_unix_millis) }}</span>
        <JsonTree name="data" :value="one.data" /></div>
    </details>
  `,
};

export const DataView = {
  components: { JsonTree, StreamHistory },
  mixins: [loading(PAUSE_MILLIS)],
  props: { live: Object, selection: Object },
  data: () => ({ streams: [], states: {} }),
  computed: {
    revision() {
      return `${this.live.store.data} ${this.live.store.state} ${this.selection.worker}`;
    },
    stateWorkers() {
      return Object.keys(this.states)
        .filter((name) => Object.keys(this.states[name] ?? {}).length)
        .sort(byName)
        .slice(0, MOST);
    },
    now: () => now.value,
  },
  watch: {
    revision() {
      this.refresher.request();
    },
  },
  methods: {
    age,
    dateTime,
    many,
    async load() {
      const worker = this.selection.worker ? escaped(this.selection.worker) : null;
      const paths = ["data", "state"].map((path) => api(runPath(this.live.run, path, { worker })));
      const [streams, states] = await Promise.all(paths);
      this.streams = Object.freeze(streams ?? []);
      this.states = Object.freeze(states ?? {});
    },
  },
  template: `
    <p v-if="error" class="bad" role="alert">{{ error }}</p>
    <div class="grid-2">
      <section class="stack-tight">
        <h3>Data streams</h3>
        <article v-for="one in streams.slice(0, 100)" :key="one.worker + '/' + one.stream" class="framed data">
          <div class="row"><span class="strong grow">{{ one.stream }}</span>
            <span class="muted small-text"
              :title="dateTime(one.time_unix_millis)">{{ one.worker }} · {{ age(one.time_unix_millis, now) }}</span></div>
          <JsonTree name="data" :value="one.data" />
          <StreamHistory :live="live" :worker="one.worker" :stream="one.stream" />
        </article>
        <p v-if="streams.length > 100"
          class="muted">… {{ many(streams.length - 100, "stream") }} more; choose a worker above.</p>
        <div v-if="isLoaded && !streams.length" class="empty small"><p>No data stream yet. In the experiment:</p>
          <code class="code" tabindex="0">self.broadcaster.publish_data("stream", {"any": "value"})</code></div>
      </section>
      <section class="stack-tight">
        <h3>State</h3>
        <article v-for="name in stateWorkers" :key="name" class="framed data">
          <span class="strong">{{ name }}</span><JsonTree name="state" :value="states[name]" /></article>
        <div v-if="isLoaded && !stateWorkers.length" class="empty small"><p>No state value yet. In the experiment:</p>
          <code class="code" tabindex="0">self.broadcaster.publish_state({"phase": "warm-up"})</code></div>
      </section>
    </div>
  `,
};
