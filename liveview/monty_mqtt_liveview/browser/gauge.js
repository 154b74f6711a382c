// How far a learning module is from deciding: every object on the scale of evidence, and Monty's threshold, above which an
// object is still possible. It has decided when one object is left above it.
import { colourOf, readableOn } from "monty-liveview/palette.js";
import { many, short } from "monty-liveview/format.js";
import { nameOf } from "monty-liveview/object_names.js";

export default {
  props: { belief: Object, percent: Number },
  computed: {
    span() {
      const values = this.belief.by_object.map(([, value]) => value);
      const { threshold } = this.belief;
      if (threshold !== null) values.push(threshold);
      const high = Math.max(...values);
      const room = Math.max(0.08 * (high - Math.min(...values)), 1e-9); // the weakest does not stand on the edge
      return [Math.min(...values) - room, high];
    },
    marks() {
      return [...this.belief.by_object].reverse().map(([name, value]) => ({
        name,
        left: this.placeOf(value),
        text: `${nameOf(name, this.belief.targets)}: evidence ${short(value)}`,
        isTarget: this.belief.target_graphs.includes(name),
      }));
    },
    limit() {
      return this.belief.threshold === null ? null : this.placeOf(this.belief.threshold);
    },
    /** What may stand on lines of their own, and is not broken itself. */
    parts() {
      const { threshold, possible, by_object } = this.belief;
      if (threshold === null) return ["this learning module has no threshold"];
      const rule = this.percent ? [`(best − ${short(this.percent)} %),`] : [];
      const limit = `threshold ${short(threshold)}${rule.length ? "" : ","}`;
      return [limit, ...rule, `${possible ?? "?"} of ${many(by_object.length, "object")} possible`];
    },
    words() {
      return this.parts.join(" ");
    },
  },
  methods: {
    colourOf,
    readableOn,
    short,
    placeOf(value) {
      const [low, high] = this.span;
      return `${(100 * (value - low)) / (high - low)}%`;
    },
  },
  template: `
    <div class="gauge" role="img" :aria-label="words">
      <div class="gauge-scale">
        <div v-if="limit !== null" class="gauge-possible" :style="{ left: limit }"></div>
        <div v-if="limit !== null" class="gauge-limit" :style="{ left: limit }"></div>
        <span v-for="mark in marks" :key="mark.name" class="gauge-mark" :class="{ target: mark.isTarget }" :title="mark.text"
          :style="{ left: mark.left, backgroundColor: colourOf(mark.name) }"></span>
      </div>
      <div class="gauge-ends"><span>{{ short(span[0]) }}</span><span data-testid="gauge-words"><template v-for="(part, i) in parts" :key="i">{{ i ? " " : "" }}<span class="nowrap">{{ part }}</span></template></span><span>{{ short(span[1]) }}</span></div>
    </div>
  `,
};
