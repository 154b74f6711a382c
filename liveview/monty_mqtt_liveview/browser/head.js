// Top of a run's page: what it is, how it is, whose steps are shown, what went wrong, and everything that was configured.
import { workersAddress } from "monty-liveview/api.js";
import { factsOf } from "monty-liveview/facts.js";
import { byName, many } from "monty-liveview/format.js";
import { numbersOfProgram, numbersOfRun, numbersOfWorker } from "monty-liveview/numbers.js";
import { now } from "monty-liveview/now.js";
import { nameOf } from "monty-liveview/object_names.js";
import { asOf, OutcomeBars, ProgressBar, shareDone, StatusChip } from "monty-liveview/run_progress.js";
import { showInTab } from "monty-liveview/status_icon.js";

/** The newest row's strongest belief over all learning modules, and how long the step took. */
function newestOf({ steps, graphTargets }) {
  if (!steps.count) return null;
  const at = steps.count - 1;
  let found = { evidence: null, object: null };
  const [mode, episode] = [steps.columns.mode.values[at], steps.columns.episode.values[at]];
  for (const [id, { columns, objects }] of Object.entries(steps.learning_modules)) {
    const evidence = columns.winner_evidence.values[at];
    if (!(evidence > (found.evidence ?? -Infinity))) continue;
    const object = objects[columns.winner.values[at]] ?? null;
    found = { evidence, object: nameOf(object, graphTargets(mode, episode, id), columns.is_new.values[at] === 1) };
  }
  const stepSecs = steps.columns.step_secs.values[at];
  return { ...found, step_secs: Number.isFinite(stepSecs) ? stepSecs : null };
}

/** What a worker died of. */
const ErrorBox = {
  props: { worker: Object },
  template: `
    <section class="panel error-box" :aria-label="'Error of ' + worker.worker">
      <header><h2 class="bad">{{ worker.error.type }}</h2><span class="muted">in {{ worker.worker }}</span></header>
      <div class="body stack">
        <p class="strong">{{ worker.error.message }}</p>
        <details v-if="worker.error.traceback"><summary>Traceback</summary>
          <pre class="code" tabindex="0">{{ worker.error.traceback }}</pre></details>
      </div>
    </section>
  `,
};

export const RunHead = {
  components: { ErrorBox, OutcomeBars, ProgressBar, StatusChip },
  props: { live: Object, selection: Object, isPlain: Boolean },
  computed: {
    store() {
      return this.live.store;
    },
    run() {
      return this.store.run;
    },
    workers() {
      return Object.values(this.store.workers).sort((a, b) => byName(a.worker, b.worker));
    },
    acting() {
      return this.workers.filter((worker) => !worker.is_parent);
    },
    worker() {
      return this.store.workers[this.selection.worker] ?? null;
    },
    head() {
      return this.worker ?? this.run;
    },
    newest() {
      return this.store.rows ? newestOf(this.live) : null;
    },
    images() {
      const frames = Object.entries(this.store.bulk).filter(([key]) => key.startsWith("frame/"));
      if (!frames.length) return null;
      const [key, { step }] = frames.reduce((one, other) =>
        other[1].time_unix_millis > one[1].time_unix_millis ? other : one,
      );
      return { sensor: decodeURIComponent(key.split("/")[1]), step };
    },
    numbers() {
      if (this.isPlain) return numbersOfProgram(this.head, this.run, now.value);
      if (!this.worker) return numbersOfRun(this.run, this.acting, now.value);
      return numbersOfWorker(this.worker, this.run, {
        newest: this.newest,
        images: this.images,
        delay: this.store.delay_millis,
        now: now.value,
      });
    },
    asOf() {
      return asOf(this.head);
    },
    facts() {
      return factsOf(this.store.info, this.run, this.worker ? [this.worker] : this.acting);
    },
    failed() {
      return (this.worker ? [this.worker] : this.workers).filter((worker) => worker.error).slice(0, 5);
    },
    why() {
      return this.worker?.reason ?? "";
    },
    commandLine() {
      return (this.store.info?.command_line ?? []).join(" ");
    },
    configuration() {
      return JSON.stringify(this.store.info?.config ?? {}, null, 2);
    },
    unknown() {
      if (!this.store.connected) return "Connecting";
      if (this.store.notes.length) return "This run is not read yet, if it was recorded; it appears here by itself.";
      return "Nothing is known of this run yet. If it was started, it appears here by itself.";
    },
    title() {
      const share = this.run && shareDone(this.run);
      const done = share !== null && share < 1 ? `${Math.round(100 * share)} % · ` : "";
      return `${done}${this.live.run}`;
    },
  },
  watch: {
    run: "showInTab",
  },
  mounted() {
    this.showInTab();
  },
  methods: {
    many,
    workersAddress,
    showInTab() {
      showInTab(this.title, this.run?.status, this.run?.stalled);
    },
    choose(event) {
      Object.assign(this.selection, {
        worker: event.target.value,
        followed: true,
        row: null,
        mode: null,
        episode: null,
        step: null,
      });
    },
  },
  template: `
    <section class="panel run-head" aria-label="Run">
      <header class="run-title">
        <h1 class="grow">{{ live.run }}</h1>
        <StatusChip v-if="run" :head="run" />
      </header>
      <template v-if="run">
        <div class="body run-line">
          <div class="grow"><ProgressBar v-if="!isPlain" :head="head" /><span v-else class="muted small-text">a program without Monty</span></div>
          <OutcomeBars v-if="!isPlain" class="grow" :head="head" legend />
          <label class="labelled">Worker
            <select class="field" :value="selection.worker ?? ''" @change="choose">
              <option value="">whole run</option>
              <option v-for="one in workers" :key="one.worker"
                :value="one.worker">{{ one.worker }} · {{ one.status }}</option>
            </select>
          </label>
          <a v-if="workers.length > 1" class="btn" :href="workersAddress(live.run)">{{ many(acting.length, "worker") }}</a>
        </div>
        <div v-if="worker && (workers.length > 1 || why)" class="row body worker-line">
          <span class="muted">{{ worker.worker }}</span><StatusChip :head="worker" /><span v-if="why">{{ why }}</span>
        </div>
        <dl class="numbers" :class="{ old: asOf }" :title="asOf">
          <div v-for="number in numbers" :key="number.label" :title="number.title ?? asOf">
            <dt>{{ number.label }}</dt>
            <dd :class="{ bad: number.bad }">{{ number.value }}</dd>
            <dd class="under">{{ number.under || '\u00a0' }}</dd>
          </div>
        </dl>
        <details v-if="facts.length" class="more">
          <summary>Configuration and machine</summary>
          <div class="stack body">
            <section v-for="group in facts" :key="group.title" class="stack-tight">
              <h2>{{ group.title }}</h2>
              <dl class="facts">
                <div v-for="[label, value, under, title] in group.facts" :key="label" :title="title ?? ''">
                  <dt>{{ label }}</dt><dd>{{ value }}</dd><dd v-if="under" class="muted small-text">{{ under }}</dd>
                </div>
              </dl>
            </section>
            <section v-if="commandLine" class="stack-tight"><h2>Command line</h2><pre
              class="code wrapped">{{ commandLine }}</pre></section>
            <details><summary>Resolved configuration</summary><pre class="code tall"
              tabindex="0">{{ configuration }}</pre></details>
          </div>
        </details>
      </template>
      <div v-else class="empty small" aria-live="polite">
        {{ unknown }}
      </div>
    </section>
    <ErrorBox v-for="one in failed" :key="one.worker" :worker="one" />
  `,
};
