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
// Without Monty there are no results, and no events of its.
const PLAIN_TABS = ["metrics", "data", "logs"].map((name) => TABS.find((tab) => tab.name === name));

export const LowerTabs = {
  components: { DataView, Events, Logs, Metrics, Results },
  props: { live: Object, selection: Object, isPlain: Boolean },
  computed: {
    tabs() {
      return this.isPlain ? PLAIN_TABS : TABS;
    },
    chosen() {
      return this.tabs.find(({ name }) => name === this.selection.tab) ?? this.first;
    },
    /** Of a program without Monty: the first in which there is something. */
    first() {
      const { store } = this.live;
      const isFilled = { metrics: store.metrics, data: store.data || store.state, logs: store.logs };
      return (this.isPlain && this.tabs.find(({ name }) => isFilled[name])) || this.tabs[0];
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
      const { tabs } = this;
      const at = (tabs.indexOf(this.chosen) + by + tabs.length) % tabs.length;
      this.choose(tabs[at]);
      document.getElementById(`tab-${tabs[at].name}`).focus();
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
