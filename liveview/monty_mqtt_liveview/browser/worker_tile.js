// One worker in the grid: its object, step, status, rate and last outcome.
import { runAddress } from "monty-liveview/api.js";
import { count, duration, many, rate, text } from "monty-liveview/format.js";
import { isMissing, missingWords } from "monty-liveview/numbers.js";
import { onColour, outcomeColour, outcomeWords, statusColour } from "monty-liveview/palette.js";
import { asOf, isLive } from "monty-liveview/run_progress.js";

export const WorkerTile = {
  props: { run: String, head: Object, isLate: Boolean },
  computed: {
    address() {
      return runAddress(this.run, { worker: this.head.worker });
    },
    name() {
      return this.head.worker.replace(/^parallel_(train|eval)_episode_/, "$1 ");
    },
    edge() {
      return { borderLeftColor: statusColour(this.head.status) };
    },
    outcomeStyle() {
      return onColour(outcomeColour(this.head.outcome));
    },
    asOf() {
      return asOf(this.head);
    },
    isMoving() {
      return isLive(this.head);
    },
  },
  methods: { count, duration, isMissing, many, missingWords, outcomeWords, rate, text },
  template: `
    <li class="tile" :class="{ old: asOf }" :style="edge">
      <div class="row tight nowrap-row"><a class="strong grow clip" :href="address" :title="head.worker">{{ name }}</a>
        <span class="small-text">{{ head.status }} {{ asOf }}</span></div>
      <div class="tile-object clip" :title="head.object ?? ''">{{ text(head.object) }}</div>
      <div class="row tight small-text muted"><span
        class="grow">{{ many(head.episode_steps, "step") }}</span><span>{{ isMoving ? rate(head.steps_per_sec) : duration(head.elapsed_secs) }}</span></div>
      <div class="row tight marks">
        <span v-if="head.outcome" class="mark" :style="outcomeStyle">{{ outcomeWords(head.outcome) }}</span>
        <span v-if="head.stalled" class="mark warn-mark">stalled</span>
        <span v-if="isLate" class="mark warn-mark">straggler</span>
        <span v-if="isMissing(head)" class="mark bad-mark">{{ missingWords(head) }}</span>
      </div>
    </li>
  `,
};
