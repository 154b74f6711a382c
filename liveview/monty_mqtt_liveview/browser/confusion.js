// What was shown against what was recognised, as a table: shares as colour, counts as text.
import { percent } from "monty-liveview/format.js";
import { OUTCOMES } from "monty-liveview/palette.js";

const STRONGEST_PERCENT = 50; // of colour in a cell: text stays readable on it

export const Confusion = {
  props: { targets: Array, predicted: Array, counts: Array },
  computed: {
    rows() {
      return this.targets.map((target, at) => {
        const counts = this.counts[at] ?? [];
        const total = counts.reduce((sum, n) => sum + n, 0);
        return {
          target,
          total,
          cells: this.predicted.map((name, to) => this.cell(target, name, counts[to] ?? 0, total)),
        };
      });
    },
  },
  methods: {
    cell(target, name, n, total) {
      const share = total ? n / total : 0;
      const colour = name === target ? OUTCOMES.correct : OUTCOMES.confused;
      const strength = Math.round(STRONGEST_PERCENT * share);
      return {
        name,
        n,
        title: `${target} shown, ${name} recognised: ${n} of ${total} (${percent(share)})`,
        style: n ? { background: `color-mix(in srgb, ${colour} ${strength + 8}%, var(--surface))` } : {},
      };
    },
  },
  template: `
    <div class="scroll" tabindex="0" role="group" aria-label="Confusion matrix">
      <table class="confusion">
        <caption
          class="visually-hidden">Rows: object shown. Columns: most likely object. Cells: number of episodes.</caption>
        <thead><tr><td class="muted corner">shown ↓ recognised →</td>
          <th v-for="name in predicted" :key="name" scope="col" :title="name"><span>{{ name }}</span></th>
          <th scope="col"><span>all</span></th></tr></thead>
        <tbody>
          <tr v-for="row in rows" :key="row.target">
            <th scope="row" :title="row.target">{{ row.target }}</th>
            <td v-for="cell in row.cells" :key="cell.name" :title="cell.title" :style="cell.style">{{ cell.n || "" }}</td>
            <td class="muted">{{ row.total }}</td>
          </tr>
        </tbody>
      </table>
    </div>
  `,
};
