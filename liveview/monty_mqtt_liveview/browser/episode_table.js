// All episodes of a worker as a table, by outcome; a click goes to the episode.
import { count, degrees, secs } from "monty-liveview/format.js";
import { colourOf, onColour, outcomeColour, outcomeWords } from "monty-liveview/palette.js";

const PER_PAGE = 12;
const REST_MILLIS = 400; // the episode that goes on is told anew with every step
const ALL = "all";
const FAILED = "failed";

export default {
  props: { live: Object, selection: Object },
  emits: ["select"],
  data: () => ({ filter: ALL, page: null, revision: 0 }),
  computed: {
    all() {
      void this.revision;
      return [...this.live.episodes.values()];
    },
    outcomes() {
      return [...new Set(this.all.map((one) => one.outcome).filter(Boolean))].sort();
    },
    chosen() {
      if (this.filter === ALL) return this.all;
      if (this.filter === FAILED) return this.all.filter((one) => one.correct === 0 || one.correct === false);
      return this.all.filter((one) => one.outcome === this.filter);
    },
    pages() {
      return Math.max(1, Math.ceil(this.chosen.length / PER_PAGE));
    },
    selectedAt() {
      return this.chosen.findIndex((one) => this.isSelected(one));
    },
    /** Unless the user turned pages: the one with the selected episode. */
    shownPage() {
      const wished = this.page ?? Math.max(0, Math.floor(this.selectedAt / PER_PAGE));
      return Math.min(this.pages - 1, wished);
    },
    rows() {
      return this.chosen.slice(this.shownPage * PER_PAGE, (this.shownPage + 1) * PER_PAGE);
    },
    span() {
      const first = this.shownPage * PER_PAGE;
      const last = Math.min(this.chosen.length, first + PER_PAGE);
      return this.chosen.length ? `${count(first + 1)} to ${count(last)} of ${count(this.chosen.length)}` : "none";
    },
  },
  watch: {
    "live.store.episodes_revision"() {
      this.timer ??= setTimeout(this.take, this.revision ? REST_MILLIS : 0);
    },
    filter() {
      this.page = null;
    },
    "selection.episode"() {
      this.page = null;
    },
  },
  created() {
    this.take();
  },
  beforeUnmount() {
    clearTimeout(this.timer);
  },
  methods: {
    colourOf,
    count,
    degrees,
    onColour,
    outcomeColour,
    outcomeWords,
    secs,
    take() {
      this.timer = null;
      this.revision = this.live.store.episodes_revision;
    },
    isSelected(one) {
      return one.mode === this.selection.mode && one.episode === this.selection.episode;
    },
    go(one) {
      if (one.first_row >= 0) this.$emit("select", one);
    },
  },
  template: `
    <section class="panel" data-testid="episode-table" aria-labelledby="episode-table-title">
      <header>
        <h2 id="episode-table-title">Episode by episode</h2>
        <label class="labelled">outcome <select v-model="filter" class="field small" data-testid="episode-filter">
          <option value="${ALL}">all</option><option value="${FAILED}">failed only</option>
          <option v-for="word in outcomes" :key="word" :value="word">{{ outcomeWords(word) }}</option></select></label>
        <span class="grow"></span>
        <div class="row tight" role="group" aria-label="Pages">
          <button type="button" class="btn small ghost" aria-label="earlier episodes" :disabled="shownPage === 0" @click="page = shownPage - 1">‹</button>
          <span class="muted" data-testid="episode-span">{{ span }}</span>
          <button type="button" class="btn small ghost" aria-label="later episodes" :disabled="shownPage >= pages - 1" @click="page = shownPage + 1">›</button>
        </div>
      </header>
      <p v-if="!chosen.length" class="empty small">{{ all.length ? "No episode had this outcome." : "No episode has begun yet." }}</p>
      <div v-else class="scroll" tabindex="0" role="region" aria-label="Table of episodes">
        <table class="table episode-table">
          <thead><tr><th scope="col">episode</th><th scope="col">target</th><th scope="col">outcome</th><th scope="col">most likely</th>
            <th scope="col" class="num">rotation error</th><th scope="col" class="num">steps</th><th scope="col" class="num">time</th><th scope="col" class="num">seed</th></tr></thead>
          <tbody>
            <tr v-for="one in rows" :key="one.mode + one.episode" :class="{ chosen: isSelected(one) }" :aria-current="isSelected(one) ? 'true' : undefined" @click="go(one)">
              <td><button type="button" class="btn small ghost" :disabled="one.first_row < 0" :data-testid="'episode-' + one.mode + '-' + one.episode" @click.stop="go(one)">{{ one.mode }} {{ one.episode }}</button></td>
              <td><span v-if="one.target" class="nowrap"><span class="dot" :style="{ backgroundColor: colourOf(one.target) }"></span> {{ one.target }}</span><span v-else class="muted">–</span></td>
              <td><span v-if="one.outcome" class="chip" :style="onColour(outcomeColour(one.outcome))">{{ outcomeWords(one.outcome) }}</span><span v-else class="muted nowrap">{{ one.is_over ? "no outcome" : "going on" }}</span></td>
              <td><span v-if="one.most_likely_object" class="nowrap"><span class="dot" :style="{ backgroundColor: colourOf(one.most_likely_object) }"></span> {{ one.most_likely_name }}</span><span v-else class="muted">–</span></td>
              <td class="num">{{ degrees(one.rotation_error_degs) }}</td>
              <td class="num">{{ count(one.steps) }}</td>
              <td class="num">{{ secs(one.elapsed_secs) }}</td>
              <td class="num mono">{{ one.episode_seed ?? "–" }}</td>
            </tr>
          </tbody>
        </table>
      </div>
    </section>
  `,
};
