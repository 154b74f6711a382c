// Commands to a run: what can be asked of it now, the question before what cannot be undone, and what was answered.
import { post, runPath } from "monty-liveview/api.js";
import Dialog from "monty-liveview/dialog.js";
import { byName, many } from "monty-liveview/format.js";
import LoginDialog from "monty-liveview/login.js";
import { isLive } from "monty-liveview/run_progress.js";
import { logout, refreshSession, session } from "monty-liveview/session.js";

const ASKED_FIRST = {
  stop: {
    title: "Stop after this episode?",
    text: "The episode that runs is finished and saved, then the run ends.",
    button: "Stop after this episode",
  },
  abort: {
    title: "Abort now?",
    text: "The run ends within the step, the episode that runs is lost. Monty saves what it has.",
    button: "Abort",
  },
};
const MOST_LINES = 8;
const MOST_NAMES = 3;
const COMMANDS = [
  { command: "pause", label: "Pause", when: ["running"] },
  { command: "resume", label: "Resume", when: ["paused"] },
  { command: "step", label: "Step", when: ["paused", "running"] },
  { command: "stop", label: "Stop after episode", when: ["running", "paused", "initializing"] },
  { command: "abort", label: "Abort", when: ["running", "paused", "initializing"], danger: true },
];

/** What workers answered, one line each; of many, one line for all that said the same. */
function linesOf(answers) {
  const isFew = answers.length <= MOST_LINES;
  const found = new Map();
  for (const { worker, status, detail } of answers) {
    const why = detail && (isFew || status !== "obeyed") ? `: ${detail}` : ""; // many obey each at a step of its own
    const key = isFew ? worker : status + why;
    if (!found.has(key)) found.set(key, { status, words: status + why, workers: [] });
    found.get(key).workers.push(worker);
  }
  const lines = [...found.values()].map(({ status, words, workers }) => {
    const names = workers.sort(byName).join(", ");
    return { status, names, text: `${workers.length > MOST_NAMES ? many(workers.length, "worker") : names} ${words}` };
  });
  const left = lines.length - MOST_LINES;
  return left > 0 ? [...lines.slice(0, MOST_LINES), { status: "", text: `and ${many(left, "other answer")}` }] : lines;
}

/** Words of the server as a sentence. */
function sentence(words) {
  return `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}

export const ControlBar = {
  components: { Dialog, LoginDialog },
  props: { live: Object, selection: Object },
  data: () => ({
    session,
    commands: COMMANDS,
    target: "",
    steps: 1,
    reason: "",
    asked: null,
    isLoggingIn: false,
    pending: "",
    answers: [],
    refused: "",
  }),
  computed: {
    workers() {
      return Object.values(this.live.store.workers)
        .filter(isLive)
        .map((head) => head.worker)
        .sort(byName);
    },
    statuses() {
      const heads = this.live.store.workers;
      const found = this.target ? [heads[this.target]] : Object.values(heads);
      return found.filter(Boolean).map((head) => head.status);
    },
    lines() {
      return linesOf(this.answers);
    },
    question() {
      return this.asked && ASKED_FIRST[this.asked];
    },
    whom() {
      return this.target || "all workers";
    },
    isKnown() {
      return this.live.store.connected && this.live.store.heard;
    },
    isOver() {
      return !this.statuses.some((status) => isLive({ status }));
    },
    whyNone() {
      const status = this.live.store.run?.status ?? "not known yet";
      if (this.isOver) return `${this.target || "The run"} is ${status}: there is nothing to command.`;
      if (!this.session.known) return "Asking whether commands are allowed.";
      return this.session.may_control ? "" : sentence(this.session.why_not ?? "commands are not allowed here");
    },
    mayLogIn() {
      return this.session.known && this.session.needs_login && !this.isOver;
    },
  },
  watch: {
    isKnown: {
      immediate: true,
      handler(isKnown) {
        if (isKnown) this.refresh();
      },
    },
    "selection.worker": {
      immediate: true,
      handler(worker) {
        this.target = worker && this.workers.includes(worker) ? worker : "";
      },
    },
    workers() {
      if (this.target && !this.workers.includes(this.target)) this.target = "";
    },
  },
  methods: {
    refresh() {
      return refreshSession(this.live.run);
    },
    async leave() {
      await logout();
      this.refresh();
    },
    whyNot({ when, label }) {
      if (this.whyNone) return this.whyNone;
      if (this.pending) return "Waiting for the answer to the last command.";
      if (this.statuses.some((status) => when.includes(status))) return "";
      return `${label} works when it is ${when.join(" or ")}; ${this.whom} is ${[...new Set(this.statuses)].join(", ")}.`;
    },
    press(one) {
      if (this.whyNot(one)) return;
      if (one.command in ASKED_FIRST) this.asked = one.command;
      else this.send(one.command);
    },
    async send(command) {
      this.asked = null;
      this.pending = command;
      Object.assign(this, { answers: [], refused: "" });
      const asked = { command, worker: this.target || null, reason: this.reason || null };
      if (command === "step") asked.steps = Math.max(1, Math.floor(this.steps) || 1);
      try {
        const said = await post(runPath(this.live.run, "command"), asked);
        this.answers = said.answers ?? [];
        this.refused = said.error ?? "";
      } catch (error) {
        this.refused = error.message;
        if (error.status === 403) this.refresh();
      } finally {
        this.pending = "";
        this.reason = "";
      }
    },
  },
  template: `
    <section class="panel control" aria-label="Control">
      <div class="row body">
        <label class="labelled">To
          <select class="field" v-model="target" :disabled="Boolean(whyNone)">
            <option value="">all workers</option>
            <option v-for="name in workers" :key="name" :value="name">{{ name }}</option>
          </select>
        </label>
        <template v-for="one in commands" :key="one.command">
          <button type="button" class="btn" :class="{ danger: one.danger }" :aria-disabled="Boolean(whyNot(one))"
            :title="whyNot(one)" @click="press(one)">{{ one.label }}</button>
          <label v-if="one.command === 'step'" class="labelled">
            <input class="field steps" type="number" min="1" max="100000" v-model.number="steps"
              aria-label="Number of steps"
              :disabled="Boolean(whyNot(one))" /> {{ steps === 1 ? "step" : "steps" }}
          </label>
        </template>
        <span class="grow"></span>
        <button v-if="mayLogIn" type="button" class="btn primary" @click="isLoggingIn = true">Log in</button>
        <button v-if="session.known && !session.needs_login && !isOver" type="button" class="btn ghost"
          @click="leave">Log out</button>
      </div>
      <div class="control-said" role="status">
        <p v-if="whyNone" class="muted">{{ whyNone }}</p>
        <p v-if="pending">{{ pending }}: waiting for the answer of {{ whom }}</p>
        <p v-for="line in lines" :key="line.text" :title="line.names" :class="line.status === 'obeyed' ? 'good' : 'bad'">{{ line.text }}</p>
        <p v-if="refused" class="bad">{{ refused }}</p>
      </div>
      <Dialog :open="Boolean(asked)" :label="question?.title" @close="asked = null">
        <form class="stack" method="dialog" @submit.prevent="send(asked)">
          <h2 class="dialog-title">{{ question.title }}</h2>
          <p>To <span class="strong">{{ whom }}</span> of {{ live.run }}. {{ question.text }}</p>
          <label class="stack-tight">Reason, kept with the run (may be empty)<input class="field" v-model="reason"
            maxlength="200" /></label>
          <div class="row"><span class="grow"></span>
            <button type="button" class="btn" @click="asked = null">Cancel</button>
            <button type="submit" class="btn"
              :class="asked === 'abort' ? 'danger' : 'primary'">{{ question.button }}</button></div>
        </form>
      </Dialog>
      <LoginDialog :open="isLoggingIn" @in="refresh" @close="isLoggingIn = false" />
    </section>
  `,
};
