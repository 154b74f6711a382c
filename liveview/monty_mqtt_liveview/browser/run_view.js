// One run: what its learning modules believe.
import EvidenceChart from "monty-liveview/evidence_chart.js";
import { connect } from "monty-liveview/live.js";

export default {
  components: { EvidenceChart },
  props: { run: String },
  data() {
    return { modules: [], store: null };
  },
  created() {
    const live = connect(this.run, "main");
    this.live = live;
    this.store = live.store;
    live.onSteps((steps) => {
      const names = Object.keys(steps.learning_modules);
      if (names.length !== this.modules.length) this.modules = names;
    });
  },
  template: `
    <h1 class="text-xl">{{ run }} {{ store.head ? store.head.workers[0].status : '' }}</h1>
    <EvidenceChart v-for="name in modules" :key="name" :module="name" :live="live" />
  `,
};
