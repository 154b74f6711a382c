// Lower part of a run's page: one of its parts at a time, so that what nobody sees asks for nothing.
import { count } from "monty-liveview/format.js";
import { DataView } from "monty-liveview/data_view.js";
import { Events, Logs } from "monty-liveview/logs.js";
import { Metrics } from "monty-liveview/metrics.js";
import { Results } from "monty-liveview/results.js";

const TABS = [
  { name: "results", label: "Results", part: "Results" },
  { name: "logs", label: "Logs", part: "Logs", counted: "logs" },
  { name: "events", label: "Events", part: "Events", counted: "events" },
  { name: "metrics", label: "Metrics", part: "Metrics" },
  { name: "data", label: "Data and state", part: "DataView" },
];

export const LowerTabs = {
  components: { DataView, Events, Logs, Metrics, Results },
  props: { live: Object, selection: Object },
  data: () => ({ tabs: TABS }),
  computed: {
    chosen() {
      return TABS.find(({ name }) => name === this.selection.tab) ?? TABS[0];
    },
  },
  methods: {
    count,
    isChosen(tab) {
      return tab.name === this.chosen.name;
    },
    choose(tab) {
      this.selection.tab = tab.name;
    },
    move(by) {
      const at = (TABS.indexOf(this.chosen) + by + TABS.length) % TABS.length;
      this.choose(TABS[at]);
      document.getElementById(`tab-${TABS[at].name}`).focus();
    },
  },
  template: `
    <section class="panel" aria-label="Results, logs, metrics and data">
      <div class="tabs" role="tablist" aria-label="Results, logs, metrics and data" @keydown.right.stop="move(1)"
        @keydown.left.stop="move(-1)">
        <button v-for="tab in tabs" :key="tab.name" type="button" class="tab" role="tab" :id="'tab-' + tab.name"
          :aria-selected="isChosen(tab)" :aria-controls="isChosen(tab) ? 'tab-panel' : null" :tabindex="isChosen(tab) ? 0 : -1"
          @click="choose(tab)">
          {{ tab.label }}<span v-if="tab.counted && live.store[tab.counted]"
            class="muted small-text"> {{ count(live.store[tab.counted]) }}</span>
        </button>
      </div>
      <div class="body" role="tabpanel" id="tab-panel" :aria-labelledby="'tab-' + chosen.name">
        <component v-if="live.store.heard" :is="chosen.part" :key="chosen.name" :live="live" :selection="selection" />
      </div>
    </section>
  `,
};
