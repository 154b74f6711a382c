// The time line of a worker: which step is looked at, and how to get to another one; or back to the newest.
import { clock, count } from "monty-liveview/format.js";
import Redo from "monty-liveview/redo.js";
import { asOf, isLive } from "monty-liveview/run_progress.js";
import Wrong from "monty-liveview/wrong.js";

// Where arrow keys mean something else: what is typed into, slides or scrolls.
const OWN_ARROWS = "input, select, textarea, dialog, [contenteditable], [role=slider], .scroll, pre";

export default {
  components: { Redo, Wrong },
  props: { live: Object, selection: Object, moments: Object, moment: Object },
  emits: ["episode", "decision"],
  computed: {
    episodes() {
      void this.live.store.episodes_revision;
      return [...this.live.episodes.values()].filter((one) => one.first_row >= 0);
    },
    place() {
      const { mode, episode } = this.selection;
      return this.episodes.findIndex((one) => one.mode === mode && one.episode === episode);
    },
    bounds() {
      const { row } = this.selection;
      const known = this.episodes[this.place];
      if (row === null) return [0, 0];
      if (!known) return [0, Math.max(row, this.live.store.rows - 1)];
      return [Math.min(known.first_row, row), Math.max(known.last_row, row)];
    },
    head() {
      return this.live.store.workers[this.live.worker] ?? {};
    },
    isLive() {
      return isLive(this.head);
    },
    asOf() {
      return asOf(this.head);
    },
    isMoving() {
      return this.selection.followed && this.isLive && !this.asOf;
    },
    words() {
      const { mode, episode, step, row } = this.selection;
      if (row === null) return "no step yet";
      const last = this.bounds[1] - this.bounds[0];
      return episode === null ? `row ${count(row)}` : `${mode} episode ${episode}, step ${step} of ${count(last)}`;
    },
    time() {
      return this.moment?.row === this.selection.row ? clock(this.moment.time_unix_millis) : "";
    },
  },
  mounted() {
    document.addEventListener("keydown", this.onPageKey);
  },
  beforeUnmount() {
    document.removeEventListener("keydown", this.onPageKey);
  },
  methods: {
    move(rows) {
      if (this.selection.row !== null) this.moments.go(this.selection.row + rows);
    },
    goEpisode(places) {
      const wished = this.episodes[Math.max(0, Math.min(this.episodes.length - 1, this.place + places))];
      if (wished) this.$emit("episode", wished);
    },
    onSlide(event) {
      this.moments.go(Number(event.target.value));
    },
    onSliderKey(event) {
      const episodes = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!episodes || !event.shiftKey) return;
      event.preventDefault();
      this.goEpisode(episodes);
    },
    /** Arrow keys move from wherever the focus is, unless they mean something there. */
    onPageKey(event) {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(OWN_ARROWS)) return;
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      if (event.shiftKey) this.goEpisode(direction);
      else this.move(direction);
    },
  },
  template: `
    <div class="scrub panel" role="group" aria-label="Time line" data-testid="scrub" :data-row="selection.row ?? ''" :data-episode="selection.episode ?? ''" :data-step="selection.step ?? ''">
      <button type="button" class="btn small" data-testid="live" :aria-pressed="selection.followed" @click="moments.follow()"
        :title="selection.followed ? 'the newest step is shown' : 'back to the newest step'"><span class="dot" :class="{ live: isMoving }" :style="{ backgroundColor: isMoving ? 'var(--good)' : 'transparent' }"></span>{{ isLive && !asOf ? "Live" : "Newest" }}</button>
      <span v-if="asOf" class="muted small-text nowrap" data-testid="live-as-of">{{ asOf }}</span>
      <div class="row tight scrub-steps">
        <button type="button" class="btn small" aria-label="previous episode" title="previous episode (Shift+←)" data-testid="previous-episode" :disabled="place <= 0" @click="goEpisode(-1)">«</button>
        <button type="button" class="btn small" aria-label="previous step" title="previous step (←)" :disabled="!selection.row" @click="move(-1)">‹</button>
        <button type="button" class="btn small" aria-label="next step" title="next step (→)" :disabled="selection.row === null || selection.row >= live.store.rows - 1" @click="move(1)">›</button>
        <button type="button" class="btn small" aria-label="next episode" title="next episode (Shift+→)" data-testid="next-episode" :disabled="place < 0 || place >= episodes.length - 1" @click="goEpisode(1)">»</button>
      </div>
      <input type="range" class="scrub-slider" data-testid="scrub-slider" aria-label="Step of the episode" :aria-valuetext="words"
        :min="bounds[0]" :max="bounds[1]" :value="selection.row ?? 0" :disabled="selection.row === null" @input="onSlide" @keydown="onSliderKey" />
      <span class="scrub-words" data-testid="scrub-words"><strong>{{ words }}</strong> <span class="muted">{{ moment && moment.row === selection.row && moment.target_object ? "target " + moment.target_object : "" }} {{ time }}</span></span>
      <div class="row tight scrub-actions">
        <Wrong :live="live" :selection="selection" @go="$emit('decision', $event)" />
        <Redo :live="live" :selection="selection" />
      </div>
      <p v-if="moments.state.failed" class="bad scrub-failed" role="status">This step cannot be shown: {{ moments.state.failed }}</p>
    </div>
  `,
};
