// One run: who it is, what its learning modules sense and believe at the selected step, and how to get to another step.
import { shallowRef } from "vue";
import { api, workerPath } from "monty-liveview/api.js";
import Beliefs from "monty-liveview/beliefs.js";
import { ControlBar } from "monty-liveview/control.js";
import { courseOf } from "monty-liveview/course.js";
import EpisodeTable from "monty-liveview/episode_table.js";
import { byName } from "monty-liveview/format.js";
import Frames from "monty-liveview/frames.js";
import { RunHead } from "monty-liveview/head.js";
import { connect } from "monty-liveview/live.js";
import { momentsOf } from "monty-liveview/moments.js";
import { LIVE_STATUSES, knowObjects } from "monty-liveview/palette.js";
import Scrub from "monty-liveview/scrub.js";
import { selectionOf } from "monty-liveview/selection.js";
import Space from "monty-liveview/space.js";
import { LowerTabs } from "monty-liveview/tabs.js";
import Timeline from "monty-liveview/timeline.js";

const FIRST_GUESS = "main"; // of which worker to show: right but for parallel runs, and then nothing has to wait

// Monty's words for no object: they need no colour.
const NO_OBJECTS = new Set(["no_label", "no_observations_yet", "patch_off_object"]);

export default {
  components: { Beliefs, ControlBar, EpisodeTable, Frames, LowerTabs, RunHead, Scrub, Space, Timeline },
  inject: ["report"],
  props: { run: String },
  setup: () => ({ live: shallowRef(null), course: shallowRef(null), moments: shallowRef(null), selection: selectionOf() }),
  data: () => ({ modules: [], failed: "" }),
  computed: {
    store() {
      return this.live?.store ?? null;
    },
    moment() {
      return this.moments.state.moment;
    },
    /** Whether it is known to be a program without Monty: there are no steps then, and what it publishes itself comes first. */
    isPlain() {
      const { heard, info, run, rows, bulk, episodes_revision: episodes } = this.store;
      if (!heard || !run || !info || info.experiment_class || info.learning_modules?.length) return false;
      return !(rows || run.steps || run.episodes_done || episodes || Object.keys(bulk).length);
    },
    worker() {
      return this.store?.workers[this.selection.worker] ?? null;
    },
  },
  watch: {
    "selection.worker"(worker) {
      if (worker !== this.live.worker) this.open(worker);
    },
    "store.workers": { handler: "chooseWorker", deep: true },
    "worker.status": "chooseStretch",
  },
  created() {
    this.open(this.selection.worker ?? FIRST_GUESS);
  },
  beforeUnmount() {
    this.close();
  },
  methods: {
    open(worker) {
      this.close();
      this.modules = [];
      this.isPlaced = false;
      const live = connect(this.run, worker);
      this.live = live;
      this.course = courseOf(live, this.selection);
      this.moments = momentsOf(live, this.selection);
      this.report(live.store);
      this.off = live.onSteps(() => this.takeSteps(live));
    },
    close() {
      this.off?.();
      this.course?.close();
      this.moments?.close();
      this.live?.close();
    },
    takeSteps(live) {
      const names = Object.keys(live.steps.learning_modules).sort(byName);
      if (names.length !== this.modules.length) this.modules = names;
      for (const name of names) knowObjects(live.steps.learning_modules[name].objects.filter((object) => !NO_OBJECTS.has(object)));
      if (!this.isPlaced) this.placeFirst();
    },
    /** With the first steps: show what the address asks for, and as much as there is to see of the run. */
    placeFirst() {
      this.isPlaced = true;
      this.chooseStretch();
      if (!this.selection.followed && this.selection.row === null) this.find();
    },
    chooseStretch() {
      const { view } = this.course;
      const isLive = !this.worker || LIVE_STATUSES.includes(this.worker.status);
      if (!isLive && view.kind === "newest" && this.selection.followed) view.kind = "run";
      if (!isLive && !this.selection.followed && view.kind === "newest") view.kind = "episode";
    },
    async find() {
      const { mode, episode, step } = this.selection;
      try {
        const { row } = await api(workerPath(this.run, this.live.worker, "find", { mode, episode, step: step ?? 0 }));
        if (row === null) throw new Error("there is no such episode");
        this.moments.go(row);
      } catch (error) {
        this.failed = `The step that the address asks for cannot be shown (${error.message}); this is the newest.`;
        this.moments.follow();
      }
    },
    /** The first guess, unless that worker has no steps and another has. */
    chooseWorker() {
      if (this.selection.worker !== null || !this.store?.heard) return;
      const heads = Object.values(this.store.workers).sort((one, other) => byName(one.worker, other.worker));
      const guessed = this.store.workers[FIRST_GUESS];
      const stepping = heads.filter((one) => one.rows > 0);
      const running = stepping.find((one) => LIVE_STATUSES.includes(one.status));
      if (guessed?.rows || (guessed && heads.length === 1)) this.selection.worker = FIRST_GUESS;
      else if (stepping.length) this.selection.worker = (running ?? stepping[0]).worker;
    },
    goEpisode(episode) {
      const { view } = this.course;
      const width = Math.max(1, view.last - view.first);
      const isWide = view.kind === "run" && (episode.last_row - episode.first_row) / width > 0.03;
      if (!isWide) this.course.show("episode");
      this.moments.go(episode.first_row);
    },
    goFromTimeline(episode) {
      this.goEpisode(episode);
      this.showEvidence(this.$refs.timeline.$el);
    },
    goFromTable(episode) {
      this.goEpisode(episode);
      this.showEvidence();
    },
    goDecision(row) {
      this.moments.go(row);
      this.showEvidence();
    },
    /** Who goes somewhere wants to see what was believed there; and what stands above it and was clicked, if there is room. */
    showEvidence(clicked = null) {
      const beliefs = this.$refs.beliefs?.$el;
      if (!beliefs || isInSight(beliefs)) return;
      const first = clicked && clicked.offsetHeight < innerHeight / 3 ? clicked : beliefs;
      first.scrollIntoView({ block: "start" });
    },
  },
  template: `
    <div class="stack run-view">
      <RunHead :live="live" :selection="selection" :is-plain="isPlain" />
      <ControlBar :live="live" :selection="selection" />
      <template v-if="isPlain"></template>
      <template v-else-if="selection.worker !== ''">
        <div :key="live.worker" class="stack">
          <p v-if="failed" class="panel"><span class="empty small bad" role="alert" data-testid="not-found">{{ failed }}</span></p>
          <Timeline ref="timeline" :live="live" :selection="selection" :modules="modules" @select="goEpisode" @point="goFromTimeline" />
          <Beliefs v-if="modules.length" ref="beliefs" :live="live" :selection="selection" :course="course" :moments="moments" :modules="modules" />
          <section v-else class="panel"><p class="empty small" data-testid="no-steps">{{ store.rows ? "No learning module has spoken yet." : "No step of this worker has come yet." }}</p></section>
          <div class="senses">
            <Frames :live="live" :selection="selection" :moment="moment" :moments="moments" />
            <Space :live="live" :selection="selection" :moment="moment" :modules="modules" />
          </div>
          <EpisodeTable :live="live" :selection="selection" @select="goFromTable" />
        </div>
      </template>
      <section v-else class="panel"><p class="empty small" data-testid="no-worker">Choose a worker above to see what it senses and believes, step by step.</p></section>
      <LowerTabs :live="live" :selection="selection" :is-plain="isPlain" />
      <Scrub v-if="!isPlain && selection.worker !== ''" :key="live.worker" :live="live" :selection="selection" :moments="moments" :moment="moment" @episode="goEpisode" @decision="goDecision" />
    </div>
  `,
};

/** Whether a good part of the window shows it, or all of it is seen. */
function isInSight(element) {
  const { top, bottom, height } = element.getBoundingClientRect();
  return Math.min(bottom, innerHeight) - Math.max(top, 0) >= Math.min(height, innerHeight / 3);
}
