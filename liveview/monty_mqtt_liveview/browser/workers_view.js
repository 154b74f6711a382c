// All workers of a parallel run: what needs attention on top, then every worker in a grid.
import { runAddress } from "monty-liveview/api.js";
import { byName, count, dateTime, duration, many } from "monty-liveview/format.js";
import { connect } from "monty-liveview/live.js";
import { STATUSES, outcomeColour, statusColour } from "monty-liveview/palette.js";
import { Accuracy, endWords, OutcomeBars, ProgressBar, StatusChip } from "monty-liveview/run_progress.js";
import { showInTab } from "monty-liveview/status_icon.js";
import { failureOf, stragglersOf } from "monty-liveview/stragglers.js";
import { WorkerTile } from "monty-liveview/worker_tile.js";

const ORDERS = [
  { name: "name", label: "name", compare: (a, b) => byName(a.worker, b.worker) },
  { name: "status", label: "status", compare: (a, b) => byStatus(a, b) || byName(a.worker, b.worker) },
  {
    name: "object",
    label: "object",
    compare: (a, b) => byName(a.object ?? "", b.object ?? "") || byName(a.worker, b.worker),
  },
  { name: "elapsed", label: "time, longest first", compare: (a, b) => (b.elapsed_secs ?? 0) - (a.elapsed_secs ?? 0) },
  {
    name: "rate",
    label: "rate, slowest first",
    compare: (a, b) => (a.steps_per_sec ?? Infinity) - (b.steps_per_sec ?? Infinity),
  },
];
const MOST_LISTED = 12;

function byStatus(a, b) {
  const words = Object.keys(STATUSES);
  return words.indexOf(a.status) - words.indexOf(b.status);
}

/** Names of a few workers, as links. */
const WorkerList = {
  props: { run: String, heads: Array, title: String, nothing: String, note: String },
  data: () => ({ most: MOST_LISTED }),
  methods: {
    duration,
    runAddress,
    dotOf: (head) =>
      head.status === "completed" && head.outcome ? outcomeColour(head.outcome) : statusColour(head.status),
    wordsOf: (head) => failureOf(head) || head.status,
  },
  template: `
    <section class="panel attention">
      <header><h2 class="grow">{{ title }} <span class="muted">{{ heads.length }}</span></h2></header>
      <div class="body stack-tight">
        <p v-if="!heads.length" class="muted">{{ nothing }}</p>
        <ul v-else class="stack-tight">
          <li v-for="head in heads.slice(0, most)" :key="head.worker" class="row nowrap-row">
            <span class="dot" :style="{ background: dotOf(head) }" aria-hidden="true"></span>
            <a class="clip grow" :href="runAddress(run, { worker: head.worker })" :title="head.worker">{{ head.worker }}</a>
            <span class="small-text nowrap">{{ head.object }}</span>
            <span class="small-text nowrap">{{ wordsOf(head) }}</span><span
              class="muted small-text nowrap">{{ duration(head.elapsed_secs) }}</span>
          </li>
          <li v-if="heads.length > most" class="muted">… {{ heads.length - most }} more</li>
        </ul>
        <p class="muted small-text">{{ note }}</p>
      </div>
    </section>
  `,
};

export default {
  components: { Accuracy, OutcomeBars, ProgressBar, StatusChip, WorkerList, WorkerTile },
  inject: ["report"],
  props: { run: String },
  setup: (props) => connect(props.run, ""),
  data: () => ({ search: "", order: "name", statuses: [], orders: ORDERS }),
  created() {
    this.report(this.store);
  },
  beforeUnmount() {
    this.close();
  },
  computed: {
    head() {
      return this.store.run;
    },
    all() {
      return Object.values(this.store.workers).filter((head) => !head.is_parent);
    },
    counts() {
      const found = {};
      for (const { status } of this.all) found[status] = (found[status] ?? 0) + 1;
      return found;
    },
    choices() {
      return Object.keys(STATUSES).filter((word) => this.counts[word] || this.statuses.includes(word));
    },
    found() {
      const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
      const isFound = (head) =>
        words.every((word) => `${head.worker} ${head.object ?? ""} ${head.outcome ?? ""}`.toLowerCase().includes(word));
      const isChosen = (head) => !this.statuses.length || this.statuses.includes(head.status);
      const { compare } = ORDERS.find(({ name }) => name === this.order);
      return this.all.filter((head) => isChosen(head) && isFound(head)).sort(compare);
    },
    failures() {
      return this.all.filter(failureOf).sort((a, b) => byStatus(b, a) || byName(a.worker, b.worker));
    },
    stragglers() {
      return stragglersOf(this.all);
    },
    late() {
      return new Set(this.stragglers.heads.map((head) => head.worker));
    },
    stragglerNote() {
      const typical = this.stragglers.median_secs;
      return typical === null
        ? "Known when three workers have finished an episode."
        : `More than twice the median of ${duration(typical)} per episode.`;
    },
    end() {
      return this.head ? endWords(this.head) : "";
    },
  },
  watch: {
    head() {
      showInTab(`Workers · ${this.run}`, this.head?.status, this.head?.stalled);
    },
  },
  methods: {
    count,
    dateTime,
    duration,
    many,
    runAddress,
    statusColour,
    choose(word) {
      const without = this.statuses.filter((one) => one !== word);
      this.statuses = without.length < this.statuses.length ? without : [...this.statuses, word];
    },
  },
  template: `
    <div class="stack">
      <section class="panel run-head" aria-label="Run">
        <header class="run-title"><h1 class="grow">Workers of <a :href="runAddress(run)">{{ run }}</a></h1><StatusChip
          v-if="head" :head="head" /></header>
        <div v-if="head" class="body run-line">
          <div class="grow"><ProgressBar :head="head" /></div>
          <OutcomeBars class="grow" :head="head" legend />
          <Accuracy :head="head" />
          <div><div class="strong">{{ end || (head.ended_unix_millis ? 'ended' : 'end not known yet') }}</div>
            <div
              class="muted small-text">{{ end ? dateTime(head.estimated_end_unix_millis) : dateTime(head.ended_unix_millis) }}</div></div>
        </div>
        <div v-else class="empty small"
          aria-live="polite">{{ store.connected ? "Nothing is known of this run yet." : "Connecting" }}</div>
      </section>
      <div v-if="all.length" class="grid-2">
        <WorkerList title="Failures" :run="run" :heads="failures" nothing="None so far."
          note="Errors, lost connections, and episodes that ended otherwise than correct." />
        <WorkerList title="Stragglers" :run="run" :heads="stragglers.heads" nothing="None." :note="stragglerNote" />
      </div>
      <section v-if="all.length" class="stack" aria-label="All workers">
        <div class="row">
          <h2 class="grow">{{ many(all.length, "worker") }}</h2>
          <label class="labelled">Search <input class="field small" type="search" v-model="search"
            placeholder="worker, object, outcome" /></label>
          <label class="labelled">Order <select class="field small" v-model="order"><option v-for="one in orders"
            :key="one.name" :value="one.name">{{ one.label }}</option></select></label>
        </div>
        <div class="row tight" role="group" aria-label="Filter by status">
          <button v-for="word in choices" :key="word" type="button" class="btn small"
            :aria-pressed="statuses.includes(word)" @click="choose(word)">
            <span class="dot" :style="{ background: statusColour(word) }"
              aria-hidden="true"></span>{{ word }} {{ counts[word] ?? 0 }}</button>
        </div>
        <ul class="tiles"><WorkerTile v-for="one in found" :key="one.worker" :run="run" :head="one"
          :isLate="late.has(one.worker)" /></ul>
        <p v-if="!found.length" class="empty small">No worker matches the search or the filter.</p>
      </section>
    </div>
  `,
};
