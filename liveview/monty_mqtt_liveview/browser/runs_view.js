// Every run the page knows, live and past: search, sort, filter; a page of them at a time, because there may be thousands.
import { runAddress } from "monty-liveview/api.js";
import { age, bytes, count, dateTime, many } from "monty-liveview/format.js";
import { commonGroup, overrideColumns, searchable } from "monty-liveview/groups.js";
import { connectRuns } from "monty-liveview/live.js";
import { endedModesOf } from "monty-liveview/modes.js";
import { now } from "monty-liveview/now.js";
import { isMissing, MISSING_WORDS, missingWords, spooledWords } from "monty-liveview/numbers.js";
import { STATUSES, statusColour } from "monty-liveview/palette.js";
import { Accuracy, isLive, ProgressBar, shareDone, StatusChip } from "monty-liveview/run_progress.js";
import { showInTab } from "monty-liveview/status_icon.js";

const ROWS_PER_PAGE = 50;
const COLUMNS = [
  { name: "run", label: "Run", value: (run) => run.run },
  { name: "status", label: "Status", value: (run) => Object.keys(STATUSES).indexOf(run.status) },
  { name: "mode", label: "Mode", value: (run) => run.mode ?? "" },
  { name: "progress", label: "Progress", value: (run) => shareDone(run) ?? -1, descends: true },
  { name: "accuracy", label: "Accuracy", value: accuracyOf, descends: true },
  { name: "workers", label: "Workers", value: (run) => run.workers ?? 0, descends: true, number: true },
  {
    name: "lost",
    label: "Lost, dropped",
    value: (run) => (run.lost ?? 0) + (run.dropped ?? 0) + (run.too_large ?? 0),
    descends: true,
    number: true,
  },
  { name: "started", label: "Started", value: (run) => run.started_unix_millis ?? 0, descends: true, number: true },
];
const STALLED = "stalled";

/** What runs are sorted by: the accuracy in evaluation, of runs without one in training. */
function accuracyOf(run) {
  const [first] = endedModesOf(run).filter(([, { accuracy }]) => accuracy !== null);
  return first?.[1].accuracy ?? -1;
}

function compare(one, other) {
  return typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
}

export default {
  components: { Accuracy, ProgressBar, StatusChip },
  inject: ["report"],
  setup: connectRuns, // `store` and `close`
  data: () => ({
    search: new URLSearchParams(location.search).get("search") ?? "",
    group: new URLSearchParams(location.search).get("group"),
    statuses: [],
    sort: "started",
    descends: true,
    page: 0,
    isNarrow: false,
    MISSING_WORDS,
  }),
  created() {
    this.report(this.store);
    this.narrow = matchMedia("(max-width: 760px)");
    this.onNarrow = () => (this.isNarrow = this.narrow.matches);
    this.narrow.addEventListener("change", this.onNarrow);
    this.onNarrow();
  },
  beforeUnmount() {
    this.narrow.removeEventListener("change", this.onNarrow);
    this.close();
  },
  computed: {
    all() {
      return Object.values(this.store.runs);
    },
    counts() {
      const found = {};
      for (const run of this.all) {
        found[run.status] = (found[run.status] ?? 0) + 1;
        if (run.stalled) found[STALLED] = (found[STALLED] ?? 0) + 1;
      }
      return found;
    },
    choices() {
      return [...Object.keys(STATUSES), STALLED].filter((word) => this.counts[word] || this.statuses.includes(word));
    },
    found() {
      const words = this.search.toLowerCase().split(/\s+/).filter(Boolean);
      const isFound = (run) => {
        const text = searchable(run);
        return (this.group === null || run.group === this.group) && words.every((word) => text.includes(word));
      };
      const isChosen = (run) =>
        !this.statuses.length || this.statuses.includes(run.status) || (run.stalled && this.statuses.includes(STALLED));
      return this.all.filter((run) => isChosen(run) && isFound(run));
    },
    /** The overrides by which the runs of the one group that is shown differ. */
    overrides() {
      return commonGroup(this.found) === null ? [] : overrideColumns(this.found);
    },
    columns() {
      const [run, ...others] = COLUMNS;
      return [run, ...this.overrides, ...others];
    },
    ordered() {
      const { value } = this.columns.find(({ name }) => name === this.sort) ?? COLUMNS.at(-1);
      const sign = this.descends ? -1 : 1;
      return [...this.found].sort((a, b) => sign * compare(value(a), value(b)));
    },
    pages() {
      return Math.max(1, Math.ceil(this.found.length / ROWS_PER_PAGE));
    },
    shown() {
      const first = Math.min(this.page, this.pages - 1) * ROWS_PER_PAGE;
      return this.ordered.slice(first, first + ROWS_PER_PAGE);
    },
    live() {
      return this.all.filter(isLive).length;
    },
    now: () => now.value,
  },
  watch: {
    live: {
      immediate: true,
      handler() {
        showInTab(this.live ? `(${this.live}) Monty runs` : "Monty runs", this.live ? "running" : null);
      },
    },
    search() {
      this.page = 0;
    },
  },
  methods: {
    age,
    bytes,
    count,
    dateTime,
    many,
    runAddress,
    statusColour,
    isMissing,
    missingWords,
    spooledWords,
    joined: (...words) => words.filter(Boolean).join(" · "),
    sortBy(column) {
      this.descends = this.sort === column.name ? !this.descends : Boolean(column.descends);
      this.sort = column.name;
    },
    sorted(column) {
      if (this.sort !== column.name) return "none";
      return this.descends ? "descending" : "ascending";
    },
    choose(word) {
      const without = this.statuses.filter((one) => one !== word);
      this.statuses = without.length < this.statuses.length ? without : [...this.statuses, word];
      this.page = 0;
    },
    showGroup(group) {
      this.group = group;
      this.page = 0;
      const address = new URL(location.href);
      if (group === null) address.searchParams.delete("group");
      else address.searchParams.set("group", group);
      history.replaceState(history.state, "", address);
    },
    clear() {
      this.search = "";
      this.statuses = [];
      this.showGroup(null);
    },
  },
  template: `
    <div class="stack">
      <div class="row">
        <h1 class="nowrap">Runs <span v-if="all.length" class="muted">{{ count(all.length) }}</span></h1>
        <label v-if="all.length" class="visually-hidden" for="runs-search">Search runs</label>
        <input v-if="all.length" id="runs-search" class="field" type="search" v-model="search"
          placeholder="Search run, experiment, host, override" />
      </div>
      <div v-if="group !== null" class="row tight" data-testid="group">
        <span>Group <strong>{{ group }}</strong></span>
        <button type="button" class="btn small" @click="showGroup(null)">Show all runs</button>
      </div>
      <div v-if="all.length" class="row tight" role="group" aria-label="Filter by status">
        <button v-for="word in choices" :key="word" type="button" class="btn small" :aria-pressed="statuses.includes(word)"
          @click="choose(word)">
          <span class="dot" :style="{ background: word === 'stalled' ? '#E69F00' : statusColour(word) }"
            aria-hidden="true"></span>
          {{ word }} {{ counts[word] ?? 0 }}
        </button>
      </div>

      <section v-if="!store.heard" class="panel empty" aria-live="polite">
        <p class="headline">Connecting</p><p>Asking the page's server for its runs.</p>
      </section>
      <section v-else-if="!all.length" class="panel empty">
        <h2 class="headline">{{ store.problems.length ? 'No runs can be heard of' : store.notes.length ? 'No run is read yet' : 'No runs yet' }}</h2>
        <p v-for="sentence in store.problems" :key="sentence" class="warn">{{ sentence }}</p>
        <p>An experiment appears here when it starts. Start any of Monty's, monitored:</p>
        <code class="code" tabindex="0">monty-mqtt run experiment=test/evidence_lm/evidence_mujoco</code>
        <p>or, in a checkout, a recorded one: <code class="mono">MONTY=0 make run</code>. If one runs already and is not here,
          <code class="mono">monty-mqtt doctor</code> says what is in its way.</p>
      </section>
      <section v-else-if="!found.length" class="panel empty">
        <h2 class="headline">No run matches</h2>
        <p>{{ many(all.length, "run") }} {{ all.length === 1 ? "is" : "are" }} hidden by the search or the filter.</p>
        <button type="button" class="btn" @click="clear">Show all</button>
      </section>

      <ul v-else-if="isNarrow" class="stack" aria-label="Runs">
        <li v-for="run in shown" :key="run.run" class="panel card">
          <div class="row"><a class="strong grow" :href="runAddress(run.run)">{{ run.run }}</a><StatusChip
            :head="run" /></div>
          <div class="muted small-text">{{ joined(run.experiment, run.mode) }}</div>
          <div v-for="column in overrides" :key="column.key" class="small-text">
            <span class="muted" :title="column.title">{{ column.label }}</span> {{ column.value(run) }}</div>
          <button v-if="run.group && group === null" type="button" class="btn small" :aria-label="'Group ' + run.group"
            :title="run.group" @click="showGroup(run.group)">group</button>
          <ProgressBar :head="run" />
          <div class="row small-text">
            <span class="grow">accuracy <Accuracy :head="run" class="inline" /></span>
            <span class="muted">{{ many(run.workers, "worker") }}</span>
            <span class="muted" :title="dateTime(run.started_unix_millis)">{{ age(run.started_unix_millis, now) }}</span>
          </div>
          <div v-if="isMissing(run)" class="small-text bad">{{ missingWords(run) }}</div>
          <div v-if="run.frames_missing" class="small-text muted" :title="MISSING_WORDS">
            {{ many(run.frames_missing, "image") }} missing</div>
        </li>
      </ul>
      <section v-else class="panel scroll" tabindex="0" aria-label="Runs">
        <table class="table runs">
          <thead><tr>
            <th v-for="column in columns" :key="column.name" scope="col" :class="{ num: column.number }"
              :aria-sort="sorted(column)">
              <button type="button" class="sort" :title="column.title" @click="sortBy(column)">{{ column.label }}</button>
            </th>
          </tr></thead>
          <tbody>
            <tr v-for="run in shown" :key="run.run">
              <td class="run-cell">
                <a class="strong" :href="runAddress(run.run)">{{ run.run }}</a>
                <div class="muted small-text">{{ joined(run.experiment, run.host) }}
                  <button v-if="run.group && group === null" type="button" class="btn small" :title="run.group"
                    :aria-label="'Group ' + run.group" @click="showGroup(run.group)">group</button></div>
              </td>
              <td v-for="column in overrides" :key="column.key">{{ column.value(run) }}</td>
              <td><StatusChip :head="run" /></td>
              <td>{{ run.mode ?? "–" }}</td>
              <td class="progress-cell"><ProgressBar :head="run" /></td>
              <td><Accuracy :head="run" /></td>
              <td class="num">{{ count(run.workers) }}</td>
              <td class="num"><span :class="{ bad: isMissing(run) }">{{ count(run.lost) }}, {{ count(run.dropped) }}</span>
                <div v-if="run.too_large" class="bad small-text nowrap">{{ count(run.too_large) }} too large</div>
                <div v-if="run.spooled" class="muted small-text">{{ spooledWords(run) }}</div>
                <div v-if="run.frames_missing" class="muted small-text nowrap" :title="MISSING_WORDS">
                  {{ many(run.frames_missing, "image") }} missing</div></td>
              <td class="num" :title="dateTime(run.started_unix_millis)">
                {{ age(run.started_unix_millis, now) }}
                <div class="muted small-text">{{ bytes(run.recorded_bytes) }}</div>
              </td>
            </tr>
          </tbody>
        </table>
      </section>
      <nav v-if="pages > 1" class="row" aria-label="Pages of runs">
        <button type="button" class="btn small" :disabled="page <= 0" @click="page -= 1">Previous</button>
        <span class="muted" aria-live="polite">Page {{ Math.min(page, pages - 1) + 1 }} of {{ pages }}</span>
        <button type="button" class="btn small" :disabled="page >= pages - 1" @click="page += 1">Next</button>
      </nav>
    </div>
  `,
};
