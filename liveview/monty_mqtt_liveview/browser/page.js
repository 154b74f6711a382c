// The whole page: which view is shown, and the one connection to the server that its parts share.
import RunView from "monty-liveview/run_view.js";
import RunsView from "monty-liveview/runs_view.js";

export default {
  components: { RunView, RunsView },
  props: { view: String, run: String },
  template: `
    <main class="w-full">
      <RunsView v-if="view === 'runs'" />
      <RunView v-else :run="run" />
    </main>
  `,
};
