// The whole page: which view is shown, and the shell around it. A view says how its connection is through `report`.
import { defineAsyncComponent, reactive } from "vue";
import Shell from "monty-liveview/shell.js";
import "monty-liveview/theme.js";

export default {
  components: {
    Shell,
    RunsView: defineAsyncComponent(() => import("monty-liveview/runs_view.js")),
    RunView: defineAsyncComponent(() => import("monty-liveview/run_view.js")),
    WorkersView: defineAsyncComponent(() => import("monty-liveview/workers_view.js")),
  },
  props: { view: String, run: String },
  data: () => ({ store: reactive({ connected: false, heard: false, problems: [] }) }),
  provide() {
    return {
      /** Let the shell show a connection's state: `store` of `connect` or `connectRuns`. */
      report: (store) => (this.store = store),
    };
  },
  template: `
    <Shell :view="view" :run="run" :problems="store.problems" :connected="store.connected" :heard="store.heard">
      <RunsView v-if="view === 'runs'" />
      <WorkersView v-else-if="view === 'workers'" :run="run" />
      <RunView v-else :run="run" />
    </Shell>
  `,
};
