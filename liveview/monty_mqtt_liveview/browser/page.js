// The whole page: which view is shown, and the shell around it. A view says how its connection is through `report`.
import { defineAsyncComponent, reactive } from "vue";
import Shell from "monty-liveview/shell.js";
import "monty-liveview/theme.js";

/** Tells a visitor that the address is of no page. */
const Missing = {
  template: `
    <section class="panel empty"><h1 class="headline">There is no such page</h1>
      <p>Every run that is known is on the list: <a href="/">all runs</a>.</p></section>
  `,
};

export default {
  components: {
    Missing,
    Shell,
    RunsView: defineAsyncComponent(() => import("monty-liveview/runs_view.js")),
    RunView: defineAsyncComponent(() => import("monty-liveview/run_view.js")),
    WorkersView: defineAsyncComponent(() => import("monty-liveview/workers_view.js")),
  },
  props: { view: String, run: String },
  data: () => ({ store: reactive({ connected: false, heard: false, problems: [], notes: [] }) }),
  provide() {
    return {
      /** Let the shell show a connection's state: `store` of `connect` or `connectRuns`. */
      report: (store) => (this.store = store),
    };
  },
  template: `
    <Shell :view="view" :run="run" :problems="store.problems" :notes="store.notes" :connected="store.connected" :heard="store.heard">
      <RunsView v-if="view === 'runs'" />
      <Missing v-else-if="view === 'missing'" />
      <WorkersView v-else-if="view === 'workers'" :run="run" />
      <RunView v-else :run="run" />
    </Shell>
  `,
};
