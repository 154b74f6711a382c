// "First wrong decision": per learning module, the step after which its target never led again; or that there is none.
import { api, workerPath } from "monty-liveview/api.js";
import { nameOf } from "monty-liveview/object_names.js";
import { colourOf } from "monty-liveview/palette.js";

const WORDS = {
  never_led: "its target never led",
  kept: "its target led to the end",
  no_target: "no target is known",
  not_told: "this recording does not say what is right",
  no_evidence: "it gives no evidence",
};

export default {
  props: { live: Object, selection: Object },
  emits: ["go"],
  data: () => ({ verdicts: null, failed: "", isOpen: false }),
  computed: {
    key() {
      const { mode, episode } = this.selection;
      return mode === null || episode === null ? null : `${mode}/${episode}`;
    },
    episode() {
      void this.live.store.episodes_revision;
      return this.live.episodes.get(this.key) ?? null;
    },
    wish() {
      return this.episode && JSON.stringify([this.key, this.episode.outcome ?? null]);
    },
    first() {
      const lost = Object.entries(this.verdicts ?? {}).filter(([, one]) => one.verdict === "lost" && one.row !== null);
      return lost.sort(([, one], [, other]) => one.row - other.row)[0] ?? null;
    },
  },
  watch: { wish: { handler: "judge", immediate: true } },
  mounted() {
    document.addEventListener("pointerdown", this.onPointer);
    document.addEventListener("keydown", this.onKey);
  },
  beforeUnmount() {
    document.removeEventListener("pointerdown", this.onPointer);
    document.removeEventListener("keydown", this.onKey);
  },
  methods: {
    colourOf,
    nameOf(id, graph) {
      const { mode, episode } = this.selection;
      return nameOf(graph, this.live.graphTargets(mode, episode, id));
    },
    onPointer(event) {
      if (!this.$el.contains(event.target)) this.close();
    },
    onKey(event) {
      if (event.key === "Escape") this.close();
    },
    /** The focus stays here, where it was in the list. */
    close() {
      if (this.$refs.list?.contains(document.activeElement)) this.$refs.toggle.focus({ preventScroll: true });
      this.isOpen = false;
    },
    wordsOf(verdict) {
      return verdict.verdict === "lost" ? `lost at step ${verdict.step}` : (WORDS[verdict.verdict] ?? verdict.verdict);
    },
    async judge() {
      const { key } = this;
      if (!this.episode) return;
      const { mode, episode } = this.selection;
      try {
        const { run, worker } = this.live;
        const said = await api(workerPath(run, worker, "wrong", { mode, episode }));
        if (key !== this.key) return;
        this.verdicts = said;
        this.failed = "";
      } catch (error) {
        this.failed = error.message;
      }
    },
    toggle() {
      this.isOpen = !this.isOpen;
      if (this.isOpen) this.judge();
    },
    /** To the first of all learning modules' wrong decisions; where none was made, the list says why. */
    async goFirst() {
      await this.judge();
      if (this.first) this.go(this.first[1].row);
      else this.isOpen = true;
    },
    go(row) {
      this.close();
      this.$emit("go", row);
    },
  },
  template: `
    <div class="wrong">
      <button type="button" class="btn small" data-testid="first-wrong" @click="goFirst"
        :title="first ? first[0] + ' lost its target at step ' + first[1].step : 'no learning module lost its target in this episode'">
        First wrong decision</button>
      <button ref="toggle" type="button" class="btn small ghost" data-testid="wrong-toggle" :aria-expanded="isOpen" aria-controls="wrong-list" @click="toggle"
        aria-label="per learning module">{{ isOpen ? "▾" : "▸" }}</button>
      <div v-if="isOpen" ref="list" id="wrong-list" class="wrong-list panel" data-testid="wrong-list">
        <p v-if="failed" class="bad">{{ failed }}</p>
        <p v-else-if="!verdicts || !Object.keys(verdicts).length" class="muted">No learning module has spoken in this episode.</p>
        <ul v-else>
          <li v-for="(verdict, id) in verdicts" :key="id" :data-testid="'wrong-' + id" :data-verdict="verdict.verdict">
            <span class="clip" :title="id">{{ id }}</span>
            <button v-if="verdict.row !== null && verdict.row !== undefined" type="button" class="btn small" @click="go(verdict.row)">{{ wordsOf(verdict) }}</button>
            <span v-else class="muted">{{ wordsOf(verdict) }}</span>
            <span v-if="verdict.winner && verdict.verdict !== 'kept'" class="nowrap">{{ verdict.verdict === "lost" ? "to" : "winner" }} <span class="dot" :style="{ backgroundColor: colourOf(verdict.winner) }"></span> {{ nameOf(id, verdict.winner) }}</span>
          </li>
        </ul>
      </div>
    </div>
  `,
};
