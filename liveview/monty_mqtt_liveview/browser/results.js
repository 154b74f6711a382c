// Results so far: confusion matrix, accuracy and rotation error per object, and how long episodes take.
import { api, escaped, runPath } from "monty-liveview/api.js";
import { Chart } from "monty-liveview/chart.js";
import { Confusion } from "monty-liveview/confusion.js";
import { byName, count, degrees, percent, secs, short } from "monty-liveview/format.js";
import { modesOf, modeWords } from "monty-liveview/modes.js";
import { loading } from "monty-liveview/refresh.js";
import { isLive } from "monty-liveview/run_progress.js";

const PAUSE_MILLIS = 1000;
const ALL = "all";
const HISTOGRAMS = [
  { name: "steps", title: "Steps per episode", unit: "steps" },
  { name: "secs", title: "Time per episode, seconds", unit: "s" },
  { name: "rotation_error_degs", title: "Rotation error, degrees", unit: "°" },
];
const Z = 1.96; // 95 %

/** Bounds of a share's 95 % confidence interval. Source: Wilson, JASA 22 (1927). */
function interval(successes, of) {
  const share = successes / of;
  const middle = share + (Z * Z) / (2 * of);
  const half = Z * Math.sqrt((share * (1 - share)) / of + (Z * Z) / (4 * of * of));
  const scale = 1 + (Z * Z) / of;
  return [(middle - half) / scale, (middle + half) / scale];
}

function histogramOption({ edges, counts }, unit) {
  const names = counts.map((_, i) => `${short(edges[i])} to ${short(edges[i + 1])} ${unit}`);
  return {
    grid: { left: 8, right: 8, top: 12, bottom: 4, containLabel: true },
    tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true },
    xAxis: {
      type: "category",
      data: names,
      axisLabel: { formatter: (_, i) => short(edges[i]), hideOverlap: true },
    },
    yAxis: { type: "value", minInterval: 1, name: "episodes", nameLocation: "end", nameTextStyle: { align: "left" } },
    series: [{ id: "episodes", name: "episodes", type: "bar", barCategoryGap: "8%", data: counts }],
  };
}

export const Results = {
  components: { Chart, Confusion },
  mixins: [loading(PAUSE_MILLIS)],
  props: { live: Object, selection: Object },
  data: () => ({ byMode: null, chosen: null, module: ALL }),
  computed: {
    isOver() {
      const { run, workers } = this.live.store;
      const head = workers[this.selection.worker] ?? run;
      return Boolean(head) && !isLive(head);
    },
    revision() {
      return `${this.live.store.run?.episodes_done} ${this.live.store.episodes_revision} ${this.selection.worker}`;
    },
    modes() {
      return modesOf({ modes: this.byMode }).map(([name]) => name);
    },
    /** The mode that is shown: the chosen one where there is anything of it, else evaluation where there is any. */
    mode() {
      return this.modes.includes(this.chosen) ? this.chosen : this.modes[0];
    },
    results() {
      return this.byMode?.[this.mode] ?? null;
    },
    modules() {
      return Object.keys(this.results?.confusion ?? {})
        .filter((id) => id !== ALL)
        .sort(byName);
    },
    tables() {
      const chosen = this.module in this.results.confusion ? this.module : ALL;
      const { confusion, right, wrong } = this.results;
      return { counts: confusion[chosen], right: right[chosen], wrong: wrong[chosen] };
    },
    summary() {
      const {
        episodes_done: done,
        correct,
        used_mlh: used,
        rotation_errors: errors,
        rotation_error_degs: error,
        mean_steps: steps,
        mean_matching_steps: matching,
        mean_secs: time,
      } = this.results;
      const [low, high] = interval(correct, done);
      return [
        [
          "Accuracy",
          percent(correct / done),
          `${count(correct)} of ${count(done)}; 95 % interval ${percent(low)} to ${percent(high)}`,
        ],
        ["Used most likely hypothesis", percent(used / done), `${count(used)} of ${count(done)}, after a time-out`],
        ["Mean rotation error", degrees(error), `of ${count(errors)} learning modules' results that have one`],
        ["Mean steps", short(steps), matching === null ? "per episode" : `per episode, ${short(matching)} of them matching`],
        ["Mean time", secs(time), "per episode"],
      ];
    },
    histograms() {
      return HISTOGRAMS.map((one) => ({ ...one, said: this.results.histograms[one.name] }))
        .filter(({ said }) => said?.counts.some((n) => n > 0))
        .map((one) => ({ ...one, option: histogramOption(one.said, one.unit), label: this.inWords(one) }));
    },
  },
  watch: {
    revision() {
      this.refresher.request();
    },
  },
  methods: {
    count,
    degrees,
    modeWords,
    percent,
    secs,
    short,
    inWords({ title, unit, said }) {
      const parts = said.counts.map((n, i) =>
        n ? `${n} from ${short(said.edges[i])} to ${short(said.edges[i + 1])} ${unit}` : "",
      );
      return `${title}, ${this.mode}: ${parts.filter(Boolean).join("; ")}`;
    },
    async load() {
      const worker = this.selection.worker ? escaped(this.selection.worker) : null;
      this.byMode = await api(runPath(this.live.run, "results", { worker }));
    },
  },
  template: `
    <p v-if="error" class="bad" role="alert">{{ error }}</p>
    <div v-if="!results" class="empty small">
      <template v-if="byMode && isOver"><p class="headline">No episode was judged</p><p>Only one that ends with an outcome is.</p></template>
      <template v-else><p class="headline">No results yet</p><p>They appear when the first episode has ended.</p></template>
    </div>
    <div v-else class="stack">
      <div class="row tight" data-testid="results-mode">
        <span v-if="modes.length === 1">{{ count(results.episodes_done) }} {{ mode }} episodes ({{ modeWords(mode) }})</span>
        <template v-else><span role="group" aria-label="Mode" class="row tight"><button v-for="name in modes" :key="name"
          type="button" class="btn small" :aria-pressed="name === mode" @click="chosen = name">{{ name }} ({{ modeWords(name) }})</button></span>
          <span class="muted">{{ count(results.episodes_done) }} {{ mode }} episodes; modes are never added up</span></template>
      </div>
      <dl class="numbers framed">
        <div v-for="[label, value, under] in summary" :key="label"><dt>{{ label }}</dt><dd>{{ value }}</dd><dd
          class="under">{{ under }}</dd></div>
      </dl>
      <div v-if="results.targets.length" class="results-grid" :class="{ many: results.predicted.length > 14 }">
        <section class="stack-tight">
          <div class="row"><h3 class="grow">Shown against recognised, {{ mode }} episodes</h3>
            <label class="labelled">Learning module
              <select class="field small" v-model="module"><option value="all">whole model</option>
                <option v-for="id in modules" :key="id" :value="id">{{ id }}</option></select></label></div>
          <Confusion :targets="results.targets" :predicted="results.predicted" v-bind="tables" />
        </section>
        <section class="stack-tight">
          <h3>Per object, {{ mode }}</h3>
          <div class="scroll" tabindex="0" role="group" aria-label="Results per object">
            <table class="table per-object"><thead><tr><th scope="col">Object</th><th scope="col" class="num">Episodes</th>
              <th scope="col">Accuracy</th><th scope="col" class="num">Rotation error</th><th scope="col"
                class="num">Steps</th>
              <th scope="col" class="num">Time</th></tr></thead>
              <tbody><tr v-for="one in results.per_object" :key="one.object">
                <th scope="row">{{ one.object }}</th><td class="num">{{ count(one.episodes_done) }}</td>
                <td><div class="row tight"><span class="progress accuracy-bar" aria-hidden="true"><span
                  :style="{ width: 100 * (one.accuracy ?? 0) + '%' }"></span></span>
                  {{ percent(one.accuracy) }}</div></td>
                <td class="num">{{ degrees(one.rotation_error_degs) }}</td><td class="num">{{ short(one.mean_steps) }}</td>
                <td class="num">{{ secs(one.mean_secs) }}</td></tr></tbody></table>
          </div>
        </section>
      </div>
      <div class="grid-3">
        <section v-for="one in histograms" :key="one.name" class="stack-tight"><h3>{{ one.title }}, {{ mode }}</h3>
          <Chart :option="one.option" :label="one.label" height="180px" /></section>
      </div>
    </div>
  `,
};
