// Log lines and telemetry events: the newest that match, and older ones page by page. As many lines as are seen, no more.
import { api, escaped, runPath } from "monty-liveview/api.js";
import { clock, count, dateTime } from "monty-liveview/format.js";
import { loading } from "monty-liveview/refresh.js";

const PAUSE_MILLIS = 250;
const LINES = 200;
const LONGEST = 4000; // characters of a line that are shown
const LEVELS = ["debug", "info", "warning", "error", "critical"];

function clipped(text) {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${count(text.length)} characters)` : text;
}

function textOf(line) {
  if (line.message !== undefined) return clipped(line.message.replace(/^\n+/, ""));
  return clipped(JSON.stringify(line.fields ?? {}));
}

function listOf({ path, count: countName, noun, nothing }) {
  return {
    mixins: [loading(PAUSE_MILLIS)],
    props: { live: Object, selection: Object },
    data: () => ({
      lines: [],
      level: "",
      search: "",
      before: null,
      searched: null, // of how many lines those are that match, where not all are shown
      isPaused: false,
      levels: LEVELS,
      noun,
    }),
    computed: {
      total() {
        return this.live.store[countName];
      },
      asked() {
        return [this.level, this.search, this.before, this.selection.worker];
      },
      nothing() {
        return this.level || this.search || this.before !== null ? `No ${noun} matches.` : nothing;
      },
      words() {
        const all = `${count(this.total)} in all`;
        if (!this.searched || !(this.level || this.search)) return all;
        const { in_memory: inMemory, recorded } = this.searched;
        const from = recorded ? `: ${count(inMemory)} in memory, ${count(recorded)} from the recording` : " in memory";
        return `searched ${count(inMemory + recorded)} of ${count(this.total)}${from}`;
      },
      isOldest() {
        return this.lines.length < LINES;
      },
    },
    watch: {
      total() {
        if (!this.isPaused && this.before === null) this.refresher.request();
      },
      asked() {
        this.refresher.request();
      },
      isPaused() {
        if (!this.isPaused) this.refresher.request();
      },
    },
    methods: {
      clock,
      count,
      dateTime,
      textOf,
      older() {
        this.before = this.lines[0]?.number ?? null;
      },
      newest() {
        this.before = null;
        this.isPaused = false;
      },
      async load() {
        const worker = this.selection.worker ? escaped(this.selection.worker) : null;
        const query = { worker, level: this.level, search: this.search.trim(), before: this.before, count: LINES };
        const said = await api(runPath(this.live.run, path, query));
        const list = this.$refs.list;
        const isAtEnd = !list || list.scrollHeight - list.scrollTop - list.clientHeight < 40;
        this.lines = Object.freeze(said?.lines ?? []);
        this.searched = said?.searched ?? null;
        await this.$nextTick();
        if (isAtEnd && this.$refs.list) this.$refs.list.scrollTop = this.$refs.list.scrollHeight;
      },
    },
    template: `
      <div class="stack-tight">
        <div class="row">
          <label class="labelled">Level
            <select class="field small" v-model="level"><option value="">all</option>
              <option v-for="word in levels" :key="word" :value="word">{{ word }} and above</option></select></label>
          <label class="labelled grow">Search <input class="field small grow" type="search" v-model.lazy="search"
            @keyup.enter="search = $event.target.value" placeholder="text, then Enter" /></label>
          <span class="muted small-text" data-testid="searched">{{ words }}</span>
          <button type="button" class="btn small" :disabled="isOldest" @click="older">Older</button>
          <button type="button" class="btn small" :disabled="before === null" @click="newest">Newest</button>
          <button type="button" class="btn small" :aria-pressed="isPaused" @click="isPaused = !isPaused">Hold</button>
        </div>
        <p v-if="error" class="bad" role="alert">{{ error }}</p>
        <div v-if="isLoaded && !lines.length" class="empty small">{{ nothing }}</div>
        <div v-else class="log" ref="list" tabindex="0" role="log" aria-live="off" :aria-label="noun + 's'">
          <div v-for="line in lines" :key="line.number" class="log-line" :class="'level-' + line.level">
            <time :title="dateTime(line.time_unix_millis)">{{ clock(line.time_unix_millis) }}</time>
            <span class="log-level">{{ line.level }}</span>
            <span class="log-source"
              :title="line.worker + ' ' + (line.logger ?? line.source ?? '')">{{ line.event ?? line.logger ?? line.worker }}</span>
            <span class="log-text">{{ textOf(line) }}<em v-if="line.suppressed"
              class="muted"> ({{ count(line.suppressed) }} more left out)</em></span>
          </div>
        </div>
      </div>
    `,
  };
}

export const Logs = listOf({ path: "logs", count: "logs", noun: "log line", nothing: "Nothing was logged yet." });
export const Events = listOf({
  path: "events",
  count: "events",
  noun: "event",
  nothing: "No telemetry event came yet.",
});
