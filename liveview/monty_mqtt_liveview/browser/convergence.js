// How near the episode is to its end by Monty's own rules: steps left, and learning modules that have decided.
import { count } from "monty-liveview/format.js";

export default {
  props: { moment: Object, beliefs: Object, info: Object },
  computed: {
    limit() {
      const limits = this.moment?.limits ?? {};
      const name = this.moment?.mode === "train" ? "max_train_steps" : "max_eval_steps";
      return Number.isFinite(limits[name]) ? { name, steps: limits[name] } : null;
    },
    left() {
      return this.moment?.steps_left ?? null;
    },
    decided() {
      return Object.values(this.beliefs ?? {}).filter((one) => one.terminal === "match").length;
    },
    all() {
      return Object.keys(this.beliefs ?? {}).length;
    },
    needed() {
      const needed = this.moment?.limits?.min_lms_match ?? this.info?.limits?.min_lms_match;
      return Number.isFinite(needed) ? needed : null;
    },
    share() {
      return this.limit && this.left !== null ? Math.max(0, Math.min(1, 1 - this.left / this.limit.steps)) : null;
    },
  },
  methods: { count },
  template: `
    <div class="convergence" data-testid="convergence">
      <div v-if="share !== null" class="convergence-part">
        <div class="progress" aria-hidden="true"><span :style="{ width: 100 * share + '%' }"></span></div>
        <span data-testid="steps-left" :data-steps="left"><strong>{{ count(left) }}</strong> of {{ count(limit.steps) }} steps left <span class="muted mono">{{ limit.name }}</span></span>
      </div>
      <div v-if="needed !== null && all" class="convergence-part">
        <div class="pips" aria-hidden="true"><span v-for="i in all" :key="i" :class="{ on: i <= decided, needed: i <= needed }"></span></div>
        <span data-testid="decided"><strong>{{ decided }}</strong> of {{ all }} {{ all === 1 ? "has" : "have" }} a match, {{ count(needed) }} needed <span class="muted mono">min_lms_match</span></span>
      </div>
    </div>
  `,
};
