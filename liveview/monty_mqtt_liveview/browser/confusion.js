// What was shown against what was recognised, as a table: shares as colour, counts as text.
import { percent } from "monty-liveview/format.js";
import { OUTCOMES } from "monty-liveview/palette.js";

const STRONGEST_PERCENT = 50; // of colour in a cell: text stays readable on it

const COLOURS = { right: OUTCOMES.correct, wrong: OUTCOMES.confused, "": "var(--faint)" };

/** What Monty called most of a cell's episodes: `right` or `wrong`; empty where it said neither. */
function verdictOf(right = 0, wrong = 0) {
  if (!right && !wrong) return "";
  return right >= wrong ? "right" : "wrong";
}

export const Confusion = {
  props: { targets: Array, predicted: Array, counts: Array, right: Array, wrong: Array },
  computed: {
    rows() {
      return this.targets.map((target, at) => {
        const counts = this.counts[at] ?? [];
        const total = counts.reduce((sum, n) => sum + n, 0);
        return {
          target,
          total,
          cells: this.predicted.map((name, to) =>
            this.cell(target, name, counts[to] ?? 0, total, verdictOf(this.right[at]?.[to], this.wrong[at]?.[to])),
          ),
        };
      });
    },
  },
  methods: {
    cell(target, name, n, total, verdict) {
      const share = total ? n / total : 0;
      const colour = COLOURS[verdict];
      const strength = Math.round(STRONGEST_PERCENT * share);
      return {
        name,
        n,
        verdict,
        title: `${target} shown, ${name} recognised${verdict && `, ${verdict}`}: ${n} of ${total} (${percent(share)})`,
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
            <td v-for="cell in row.cells" :key="cell.name" :title="cell.title" :data-verdict="cell.verdict" :style="cell.style">{{ cell.n || "" }}</td>
            <td class="muted">{{ row.total }}</td>
          </tr>
        </tbody>
      </table>
    </div>
  `,
};
