// Small pieces that say how a run or a worker is: the same on every page.
import { clock, count, dateTime, duration, many, percent } from "monty-liveview/format.js";
import { endedModesOf, modeWords } from "monty-liveview/modes.js";
import { now } from "monty-liveview/now.js";
import { LIVE_STATUSES, outcomeColour, outcomeWords, statusColour } from "monty-liveview/palette.js";
import { silentSince } from "monty-liveview/silence.js";

/** Whether a run or worker goes on. */
export const isLive = (head) => LIVE_STATUSES.includes(head.status);

/** "as of 14:03:21" of what may have changed since nothing is heard any more; empty while it is heard, or over. */
export function asOf(head) {
  return silentSince.value !== null && isLive(head) ? `as of ${clock(silentSince.value)}` : "";
}

/** When it will have ended, in words; empty where nobody knows. */
export function endWords(head) {
  if (!isLive(head) || !head.estimated_end_unix_millis) return "";
  const left = (head.estimated_end_unix_millis - now.value) / 1000;
  return left > 0 ? `about ${duration(left)} left` : "about to end";
}

/** Share of episodes that are done, or null. */
export function shareDone(head) {
  return head.episodes_expected ? Math.min(1, head.episodes_done / head.episodes_expected) : null;
}

/** Status word with its colour; *stalled* beside it, and as of when it is where nothing is heard. */
export const StatusChip = {
  props: { head: Object },
  computed: {
    colour() {
      return statusColour(this.head.status);
    },
    isMoving() {
      return this.head.status === "running" && !this.head.stalled && !this.asOf;
    },
    asOf() {
      return asOf(this.head);
    },
  },
  template: `
    <span class="row tight">
      <span class="chip" :class="{ old: asOf }">
        <span class="dot" :class="{ live: isMoving }" :style="{ background: colour }"
          aria-hidden="true"></span>{{ head.status }}
      </span>
      <span v-if="asOf" class="muted small-text nowrap">{{ asOf }}</span>
      <span v-if="head.stalled" class="chip warn" title="No step for much longer than a step usually takes">stalled</span>
    </span>
  `,
};

/** Episodes done of those expected, as a bar with its words. */
export const ProgressBar = {
  props: { head: Object },
  computed: {
    share() {
      return shareDone(this.head);
    },
    words() {
      const { episodes_done: done, episodes_expected: expected } = this.head;
      return expected ? `${count(done)} of ${many(expected, "episode")}` : many(done ?? 0, "episode");
    },
    end() {
      return endWords(this.head);
    },
    endAt() {
      return this.end ? `Estimated end ${dateTime(this.head.estimated_end_unix_millis)}` : "";
    },
  },
  template: `
    <div>
      <div v-if="share !== null" class="progress" role="progressbar" aria-label="Episodes done" aria-valuemin="0"
        aria-valuemax="100" :aria-valuenow="Math.round(100 * share)" :aria-valuetext="words">
        <span :style="{ width: 100 * share + '%' }"></span>
      </div>
      <div class="muted small-text" :title="endAt"><span class="nowrap">{{ words }}</span><span v-if="end"
        class="nowrap"> · {{ end }}</span></div>
    </div>
  `,
};

/** Accuracy so far of each mode: share, and x of y. */
export const Accuracy = {
  props: { head: Object },
  computed: {
    modes() {
      return endedModesOf(this.head)
        .filter(([, { accuracy }]) => accuracy !== null)
        .map(([name, { accuracy, correct, episodes_done: done }]) => ({
          name,
          share: percent(accuracy),
          words: `${count(correct)} of ${count(done)} in ${modeWords(name)}`,
        }));
    },
    none() {
      return `none judged${isLive(this.head) ? " yet" : ""}`;
    },
  },
  template: `
    <div>
      <div v-for="one in modes" :key="one.name" :data-mode="one.name"><div class="strong">{{ one.share }}</div>
        <div class="muted small-text nowrap">{{ one.words }}</div></div>
      <template v-if="!modes.length"><div class="strong">–</div><div class="muted small-text nowrap">{{ none }}</div></template>
    </div>
  `,
};

/** Outcomes of each mode as a bar of shares, in Monty's words and colours. */
export const OutcomeBars = {
  props: { head: Object, legend: Boolean },
  computed: {
    bars() {
      return endedModesOf(this.head)
        .map(([name, { outcomes }]) => ({ name, words: modeWords(name), parts: this.partsOf(outcomes) }))
        .filter(({ parts }) => parts.length)
        .map((bar) => ({ ...bar, label: `${bar.words}: ${bar.parts.map(({ word, n }) => `${n} ${word}`).join(", ")}` }));
    },
  },
  methods: {
    partsOf: (outcomes) =>
      Object.entries(outcomes)
        .filter(([, n]) => n > 0)
        .sort(([, one], [, other]) => other - one)
        .map(([word, n]) => ({ word: outcomeWords(word), n, colour: outcomeColour(word) })),
  },
  template: `
    <div v-if="bars.length" class="stack-tight">
      <div v-for="bar in bars" :key="bar.name" :data-mode="bar.name">
        <div class="shares" role="img" :aria-label="bar.label" :title="bar.label">
          <span v-for="part in bar.parts" :key="part.word" :style="{ flex: part.n, background: part.colour }"></span>
        </div>
        <ul v-if="legend" class="row tight legend">
          <li class="muted small-text">{{ bar.words }}</li>
          <li v-for="part in bar.parts" :key="part.word" class="row tight small-text">
            <span class="dot" :style="{ background: part.colour }" aria-hidden="true"></span>{{ part.word }} {{ part.n }}
          </li>
        </ul>
      </div>
    </div>
  `,
};
