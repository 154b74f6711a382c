// Every episode of a worker in its outcome's colour: one row for the whole model, one per learning module. Only what is in
// sight of it is drawn, so that thousands of episodes cost no more than a screenful.
import { degrees, duration, many } from "monty-liveview/format.js";
import { OUTCOMES, onColour, outcomeColour, outcomeWords } from "monty-liveview/palette.js";
import { whileSeen } from "monty-liveview/seen.js";
import { onTheme, theme } from "monty-liveview/theme.js";

const ROW_PIXELS = 16;
const WHOLE_PIXELS = 22;
const GAP_PIXELS = 2;
const LEAST_PIXELS = 6;
const MOST_PIXELS = 90;

export default {
  props: { live: Object, selection: Object, modules: Array },
  emits: ["select", "point"],
  data: () => ({ width: 0, hovered: null }),
  computed: {
    episodes() {
      void this.live.store.episodes_revision;
      return Object.freeze([...this.live.episodes.values()]);
    },
    size() {
      const fitting = this.width / Math.max(1, this.episodes.length);
      return Math.max(LEAST_PIXELS, Math.min(MOST_PIXELS, fitting));
    },
    inner() {
      return Math.max(1, Math.round(this.size * this.episodes.length));
    },
    height() {
      return WHOLE_PIXELS + this.modules.length * (ROW_PIXELS + GAP_PIXELS) + GAP_PIXELS;
    },
    selected() {
      return this.episodes.findIndex((one) => one.mode === this.selection.mode && one.episode === this.selection.episode);
    },
    picture() {
      const over = this.episodes.reduce((number, one) => number + (isOver(one) ? 1 : 0), 0);
      return `${this.episodes.length} ${over}`;
    },
    words() {
      return this.wordsOf(this.episodes[this.hovered ?? this.selected]);
    },
    counts() {
      const found = new Map(Object.keys(OUTCOMES).map((word) => [word, 0]));
      for (const one of this.episodes) {
        const word = one.outcome ?? (isOver(one) ? "no_outcome" : null);
        if (word) found.set(word, (found.get(word) ?? 0) + 1);
      }
      return [...found].filter(([, number]) => number);
    },
  },
  watch: {
    episodes(now, before) {
      if (this.selection.followed && now.length !== before.length) this.$nextTick(this.showSelected);
    },
    /** With every step the episode that goes on is told anew; its picture is the same until it ends. */
    picture() {
      this.sight.ask();
    },
    selected() {
      this.$nextTick(this.showSelected);
      this.sight.ask();
    },
    modules() {
      this.$nextTick(() => this.sight.ask());
    },
  },
  mounted() {
    this.sight = whileSeen(this.$el, this.draw);
    this.off = onTheme(() => this.sight.ask());
    this.resizing = new ResizeObserver(() => {
      this.width = this.$refs.view.clientWidth;
      this.sight.ask();
    });
    this.resizing.observe(this.$refs.view);
  },
  beforeUnmount() {
    this.off();
    this.sight.close();
    this.resizing.disconnect();
  },
  methods: {
    onColour,
    outcomeColour,
    outcomeWords,
    outcomeOf: (one) => (one.outcome ? outcomeWords(one.outcome) : isOver(one) ? "no outcome" : "going on"),
    wordsOf(one) {
      if (!one) return "";
      const parts = [`${one.mode} episode ${one.episode}`, one.target ?? "no target", this.outcomeOf(one)];
      if (one.steps) parts.push(many(one.steps, "step"));
      if (Number.isFinite(one.elapsed_secs)) parts.push(duration(one.elapsed_secs));
      if (Number.isFinite(one.rotation_error_degs)) parts.push(`rotation error ${degrees(one.rotation_error_degs)}`);
      return parts.join(" · ");
    },
    showSelected() {
      const view = this.$refs.view;
      if (!view || this.selected < 0) return;
      const left = this.selected * this.size;
      if (left < view.scrollLeft || left + this.size > view.scrollLeft + view.clientWidth) {
        view.scrollLeft = left - view.clientWidth / 2;
      }
    },
    draw() {
      const { canvas, view } = this.$refs;
      const scale = devicePixelRatio || 1;
      canvas.width = Math.round(this.width * scale);
      canvas.height = Math.round(this.height * scale);
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      const from = Math.floor(view.scrollLeft / this.size);
      const to = Math.min(this.episodes.length, Math.ceil((view.scrollLeft + this.width) / this.size));
      const { text, faint, line } = theme();
      for (let i = from; i < to; i++) this.paint(pen, i, i * this.size - view.scrollLeft, faint);
      if (this.selected >= from && this.selected < to) {
        pen.strokeStyle = text;
        pen.lineWidth = 2;
        pen.strokeRect(this.selected * this.size - view.scrollLeft, 1, Math.max(4, this.size - 1), this.height - 2);
      }
      this.paintModes(pen, from, to, view.scrollLeft, line);
    },
    paint(pen, i, left, faint) {
      const one = this.episodes[i];
      const width = Math.max(1, this.size - (this.size > 8 ? 2 : 1));
      this.cell(pen, one, one.outcome, left, 2, width, WHOLE_PIXELS - 4, faint);
      this.modules.forEach((id, k) => {
        const top = WHOLE_PIXELS + k * (ROW_PIXELS + GAP_PIXELS);
        this.cell(pen, one, one.learning_modules?.[id]?.outcome, left, top, width, ROW_PIXELS, faint);
      });
    },
    cell(pen, one, outcome, left, top, width, height, faint) {
      if (outcome || isOver(one)) {
        pen.fillStyle = outcome ? outcomeColour(outcome) : faint;
        pen.globalAlpha = outcome ? 1 : 0.3; // an episode of supervised pretraining ends without one
        pen.fillRect(left, top, width, height);
        pen.globalAlpha = 1;
        return;
      }
      pen.strokeStyle = faint;
      pen.lineWidth = 1;
      pen.strokeRect(left + 0.5, top + 0.5, Math.max(1, width - 1), height - 1);
    },
    /** A line where training ends and evaluation begins. */
    paintModes(pen, from, to, scrolled, line) {
      pen.fillStyle = line;
      for (let i = Math.max(1, from); i < to; i++) {
        if (this.episodes[i].mode === this.episodes[i - 1].mode) continue;
        pen.fillRect(i * this.size - scrolled - 1.5, 0, 2, this.height);
      }
    },
    at(event) {
      const { view } = this.$refs;
      const x = event.clientX - view.getBoundingClientRect().left + view.scrollLeft;
      const i = Math.floor(x / this.size);
      return i >= 0 && i < this.episodes.length ? i : null;
    },
    onMove(event) {
      this.hovered = this.at(event);
    },
    onClick(event) {
      const i = this.at(event);
      if (i !== null) this.$emit("point", this.episodes[i]);
    },
    onKey(event) {
      const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -this.episodes.length, End: this.episodes.length };
      if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in moves)) return;
      event.preventDefault();
      event.stopPropagation();
      const wished = Math.max(0, Math.min(this.episodes.length - 1, this.selected + moves[event.key]));
      if (this.episodes[wished]) this.$emit("select", this.episodes[wished]);
    },
  },
  template: `
    <section class="panel" data-testid="timeline" aria-labelledby="timeline-title">
      <header><h2 id="timeline-title">Episodes</h2><span class="muted">{{ episodes.length ? words : "" }}</span></header>
      <div class="body">
        <p v-show="!episodes.length" class="empty small">No episode has begun yet.</p>
        <div v-show="episodes.length" class="timeline">
          <div class="timeline-names" aria-hidden="true">
            <span :style="{ height: '${WHOLE_PIXELS}px' }">whole</span>
            <span v-for="name in modules" :key="name" class="clip" :title="name" :style="{ height: '${ROW_PIXELS + GAP_PIXELS}px' }">{{ name.replace(/^learning_module_/, "LM ") }}</span>
          </div>
          <div ref="view" class="timeline-view" tabindex="0" role="slider" aria-label="Episode" aria-valuemin="0" :aria-valuemax="Math.max(0, episodes.length - 1)"
            :aria-valuenow="Math.max(0, selected)" :aria-valuetext="wordsOf(episodes[selected]) || 'none'" :data-count="episodes.length" :data-selected="selected" data-testid="timeline-view"
            @scroll.passive="sight.ask()" @pointermove="onMove" @pointerleave="hovered = null" @click="onClick" @keydown="onKey">
            <div :style="{ width: inner + 'px', height: height + 'px' }"><canvas ref="canvas" class="timeline-canvas" :style="{ width: width + 'px', height: height + 'px' }"></canvas></div>
          </div>
        </div>
        <ul class="row tight timeline-legend" aria-label="Outcomes">
          <li v-for="[word, number] in counts" :key="word" class="legend-item"><span class="key-square" :style="word === 'no_outcome' ? { background: 'color-mix(in srgb, var(--faint) 30%, transparent)' } : { background: outcomeColour(word) }"></span>{{ outcomeWords(word) }} <strong>{{ number }}</strong></li>
        </ul>
      </div>
    </section>
  `,
};

/** Whether an episode has ended, also where it has no outcome, as in supervised pretraining. */
function isOver(episode) {
  return episode.is_over ?? Boolean(episode.outcome);
}
