// What one learning module believes at the selected step, against the target.
import { degrees, many, short } from "monty-liveview/format.js";
import Gauge from "monty-liveview/gauge.js";
import { whyNoEvidence } from "monty-liveview/no_evidence.js";
import { nameOf } from "monty-liveview/object_names.js";
import { colourOf } from "monty-liveview/palette.js";

const MOST_NAMES = 6;

export default {
  components: { Gauge },
  props: { module: String, belief: Object, info: Object, verdict: Object },
  emits: ["wrong"],
  computed: {
    thresholds() {
      return this.info?.learning_modules?.find((one) => one.learning_module === this.module)?.thresholds ?? {};
    },
    possible() {
      const { possible_names: names, by_object: objects, threshold } = this.belief;
      if (names) return names;
      return threshold === null ? [] : objects.filter(([, value]) => value >= threshold).map(([name]) => name);
    },
    symmetry() {
      const { symmetry_evidence: seen } = this.belief;
      const needed = this.thresholds.required_symmetry_evidence;
      return seen === null ? "–" : needed ? `${short(seen)} of ${many(needed, "step")}` : many(seen, "step");
    },
    objectWords() {
      return this.belief.name ?? "no hypothesis";
    },
    second() {
      return nameOf(this.belief.second, this.belief.targets) ?? "the second";
    },
    why() {
      return whyNoEvidence(this.info, this.module);
    },
    hasEvidence() {
      return this.belief.by_object.length > 0 || this.belief.object !== null;
    },
  },
  methods: {
    colourOf,
    degrees,
    short,
    nameOf(graph) {
      return nameOf(graph, this.belief.targets);
    },
  },
  template: `
    <section class="belief" :data-testid="'hypothesis-' + module" :aria-label="'Most likely hypothesis of ' + module">
      <div class="belief-head">
        <h3 class="clip" :title="module">{{ module }}</h3>
        <span class="chip small" data-testid="terminal" :title="belief.terminal ? 'terminal state' : 'it has not ended'">{{ belief.terminal ?? "going on" }}</span>
      </div>
      <p v-if="!hasEvidence" class="muted" data-testid="no-evidence">No evidence at this step. {{ why }}
        <template v-if="belief.target">Target <strong>{{ belief.target }}</strong>.</template></p>
      <template v-else>
        <p class="belief-object">
          <span class="dot" :style="{ backgroundColor: belief.object ? colourOf(belief.object) : 'transparent' }"></span>
          <strong data-testid="most-likely" class="clip" :title="objectWords">{{ objectWords }}</strong>
          <span v-if="belief.is_correct" class="good" data-testid="is-target">✓ the target</span>
          <span v-else-if="belief.is_correct === false" class="bad" data-testid="not-target">✗ target is <span class="dot" :style="{ backgroundColor: colourOf(belief.target) }"></span> {{ belief.target }}</span>
          <span v-else class="muted" data-testid="not-judged">{{ belief.target ? "target is " + belief.target : "no target known" }}</span>
        </p>
        <Gauge v-if="belief.by_object.length" :belief="belief" :percent="thresholds.x_percent_threshold" />
        <dl class="belief-facts">
          <div><dt>evidence</dt><dd data-testid="evidence">{{ short(belief.evidence, 4) }}</dd></div>
          <div><dt class="clip" :title="'margin to ' + second">margin to {{ second }}</dt><dd data-testid="margin">{{ short(belief.margin, 4) }}</dd></div>
          <div><dt class="clip" title="angle between the hypothesis' rotation and the true one; only where the object is right">rotation error</dt><dd data-testid="rotation-error">{{ degrees(belief.rotation_error_degs) }}</dd></div>
          <div><dt class="clip" title="symmetry evidence: steps in a row that spoke for a symmetric object">symmetry</dt><dd data-testid="symmetry">{{ symmetry }}</dd></div>
        </dl>
        <p class="belief-possible" data-testid="possible" :data-count="belief.possible ?? ''" :title="possible.map(nameOf).join(', ')">
          <span class="muted">possible ({{ belief.possible ?? possible.length }})</span>
          <span v-for="name in possible.slice(0, ${MOST_NAMES})" :key="name" class="belief-name"><span class="dot" :style="{ backgroundColor: colourOf(name) }"></span>{{ nameOf(name) }}</span>
          <span v-if="possible.length > ${MOST_NAMES}" class="muted" :title="possible.slice(${MOST_NAMES}).map(nameOf).join(', ')">and {{ possible.length - ${MOST_NAMES} }} more</span>
        </p>
      </template>
      <slot></slot>
    </section>
  `,
};
