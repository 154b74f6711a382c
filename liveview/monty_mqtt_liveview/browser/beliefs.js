// What the learning modules believe: where they agree, the evidence of each over the steps, and its hypothesis beside it.
import { markRaw } from "vue";
import Agreement from "monty-liveview/agreement.js";
import { beliefsFor } from "monty-liveview/belief.js";
import Convergence from "monty-liveview/convergence.js";
import { evidencedPlaces } from "monty-liveview/evidence_option.js";
import EvidenceChart from "monty-liveview/evidence_chart.js";
import Hypothesis from "monty-liveview/hypothesis.js";
import { byName, count } from "monty-liveview/format.js";
import { whyNoEvidence } from "monty-liveview/no_evidence.js";
import { nameOf } from "monty-liveview/object_names.js";
import { colourOf } from "monty-liveview/palette.js";
import { whileSeen } from "monty-liveview/seen.js";

const STRETCHES = { newest: "Newest 300", episode: "Episode", run: "Whole run" };
const MOST_NAMES = 20;

export default {
  components: { Agreement, Convergence, EvidenceChart, Hypothesis },
  props: { live: Object, selection: Object, course: Object, moments: Object, modules: Array },
  data: () => ({ drawn: 0, hasEvidence: true, seen: { row: null, moment: null }, stretches: STRETCHES }),
  computed: {
    view() {
      return this.course.view;
    },
    moment() {
      return this.seen.moment;
    },
    row() {
      return this.view.hover ?? this.seen.row;
    },
    beliefs() {
      void this.drawn;
      return beliefsFor(this.row, this.moment, this.course.rows(), this.live);
    },
    selectedBeliefs() {
      return this.row === this.seen.row ? this.beliefs : beliefsFor(this.seen.row, this.moment, this.course.rows(), this.live);
    },
    objects() {
      void this.drawn;
      const modules = Object.values(this.course.rows()?.learning_modules ?? {});
      return [...new Set(modules.flatMap((module) => evidencedPlaces(module).map((place) => module.objects[place])))].sort(byName);
    },
    /** Ids of the graphs that stand for the target at the shown step. */
    targetGraphs() {
      return new Set(Object.values(this.beliefs ?? {}).flatMap((one) => one.target_graphs));
    },
    target() {
      return Object.values(this.beliefs ?? {}).find((one) => one.target !== null)?.target ?? null;
    },
    why() {
      return whyNoEvidence(this.live.store.info);
    },
    where() {
      void this.drawn;
      const { hover } = this.view;
      if (hover === null) return "";
      const rows = this.course.rows();
      const i = rows?.row.indexOf(hover) ?? -1;
      return i < 0 ? "" : `below the mouse: ${rows.mode[i]} episode ${rows.episode[i]}, step ${rows.step[i]}`;
    },
  },
  watch: {
    "selection.row": "ask",
    "moments.state.moment": "ask",
  },
  mounted() {
    this.sight = whileSeen(this.$el, this.look);
    this.off = this.course.onDraw(() => this.sight.askNow());
  },
  beforeUnmount() {
    this.off();
    this.sight.close();
  },
  methods: {
    colourOf,
    count,
    /** As each learning module that knows the graph calls it. */
    nameOf(graph) {
      const names = Object.values(this.beliefs ?? {}).map((one) => nameOf(graph, one.targets));
      return names.length ? [...new Set(names)].join(" / ") : graph;
    },
    ask() {
      this.sight.ask();
    },
    /** Take over what is new: only while somebody can see it. */
    look() {
      this.drawn += 1;
      const { moment } = this.moments.state;
      this.seen = { row: this.selection.row, moment: moment && markRaw(moment) };
      const modules = Object.values(this.course.rows()?.learning_modules ?? {});
      this.hasEvidence = !modules.length || modules.some((module) => evidencedPlaces(module).length);
    },
    select(row) {
      this.moments.go(row);
    },
  },
  template: `
    <section class="panel" data-testid="beliefs" aria-labelledby="beliefs-title">
      <header>
        <h2 id="beliefs-title">Evidence and hypotheses</h2>
        <div class="row tight" role="group" aria-label="Which steps">
          <button v-for="(label, kind) in stretches" :key="kind" type="button" class="btn small" :aria-pressed="view.kind === kind" :data-testid="'show-' + kind" @click="course.show(kind)">{{ label }}</button>
          <button type="button" class="btn small" aria-label="zoom in" title="zoom in (+)" data-testid="zoom-in" @click="course.zoom(0.5, selection.row ?? undefined)">+</button>
          <button type="button" class="btn small" aria-label="zoom out" title="zoom out (−)" data-testid="zoom-out" @click="course.zoom(2, selection.row ?? undefined)">−</button>
        </div>
        <label class="labelled">x axis <select v-model="view.axis" class="field small" data-testid="axis"><option value="step">step of the run</option><option value="time">time</option></select></label>
        <label class="labelled">bands <select v-model="view.tint" class="field small" data-testid="tint"><option value="target">target</option><option value="outcome">outcome</option></select></label>
        <span class="grow"></span>
        <span class="muted small-text" data-testid="window" :data-first="view.first" :data-last="view.last">{{ where || "rows " + count(view.first) + " to " + count(view.last) }}</span>
      </header>
      <div class="body">
        <div v-if="!hasEvidence" class="empty small" data-testid="no-evidence-at-all">
          <p class="headline">These steps have no evidence</p>
          <p>{{ why }} <template v-if="target">The object is <strong>{{ target }}</strong>.</template> Sensors, models and paths are shown below.</p>
        </div>
        <div v-show="hasEvidence">
          <Convergence :moment="moment" :beliefs="selectedBeliefs" :info="live.store.info" />
          <ul class="row tight object-legend" aria-label="Objects">
            <li v-for="name in objects.slice(0, ${MOST_NAMES})" :key="name" class="legend-item"><span class="key-line" :style="{ backgroundColor: colourOf(name) }"></span>{{ nameOf(name) }}<span v-if="targetGraphs.has(name)" class="chip small">target</span></li>
            <li v-if="objects.length > ${MOST_NAMES}" class="muted">and {{ objects.length - ${MOST_NAMES} }} more</li>
            <li class="legend-item muted"><span class="key-line halo"></span>target of the episode</li>
            <li class="legend-item muted"><span class="key-line dashed"></span>Monty's threshold</li>
          </ul>
          <p v-if="view.failed" class="bad" role="status">Older steps do not come: {{ view.failed }}</p>
          <div class="believing">
            <Agreement :live="live" :course="course" :selection="selection" :moment="moment" :modules="modules" @select="select" />
          </div>
          <div v-for="(module, i) in modules" :key="module" class="believing">
            <EvidenceChart :module="module" :live="live" :course="course" :selection="selection" :is-first="i === 0" :is-last="i === modules.length - 1" @select="select" />
            <Hypothesis v-if="beliefs && beliefs[module]" :module="module" :belief="beliefs[module]" :info="live.store.info" />
            <p v-else class="belief muted">{{ module }} said nothing at this step</p>
          </div>
        </div>
      </div>
    </section>
  `,
};
