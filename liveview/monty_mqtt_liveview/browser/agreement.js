// One strip for all learning modules: what each believes in after each step, and where it disagrees with most of them.
import { beliefsFor, majority, meaningAt } from "monty-liveview/belief.js";
import { many } from "monty-liveview/format.js";
import { colourOf } from "monty-liveview/palette.js";
import { LEFT, RIGHT, PlotLines, handlePlot } from "monty-liveview/plot.js";
import { beginsEpisode } from "monty-liveview/rows.js";
import { whileSeen } from "monty-liveview/seen.js";
import { onTheme, theme } from "monty-liveview/theme.js";

const ROW_PIXELS = 14;
const GAP_PIXELS = 3;

/**
 * By learning module, per entry: what its object stands for or null, and whether most others believe in another. Each
 * learning module has graph ids of its own: they agree, and have one colour, where their graphs stand for the same.
 */
export function agreementOf(rows, live) {
  const found = Object.keys(rows.learning_modules).map((id) => ({ id, objects: [], dissents: [] }));
  rows.row.forEach((_, i) => {
    const believed = found.map(({ id }) => meaningAt(rows, id, i, live));
    const most = majority(believed);
    believed.forEach((object, k) => {
      found[k].objects.push(object);
      found[k].dissents.push(object !== null && (most.tied || (most.object !== null && object !== most.object)));
    });
  });
  return found;
}

export default {
  components: { PlotLines },
  props: { live: Object, course: Object, selection: Object, moment: Object, modules: Array },
  emits: ["select"],
  data: () => ({ drawn: 0 }),
  computed: {
    height() {
      return this.modules.length * (ROW_PIXELS + GAP_PIXELS);
    },
    said() {
      void this.drawn;
      const row = this.course.view.hover ?? this.selection.row;
      const beliefs = beliefsFor(row, this.moment, this.course.rows(), this.live);
      if (!beliefs) return null;
      const all = Object.entries(beliefs);
      const most = majority(all.map(([, one]) => one.meaning));
      const others = all.filter(([, one]) => one.meaning !== null && one.meaning !== most.object);
      const first = all.find(([, one]) => one.meaning === most.object)?.[1] ?? null;
      const silent = all.filter(([, one]) => one.meaning === null).length;
      return { row, most, first, silent, others: most.tied ? [] : others.map(([id, one]) => ({ id, ...one })) };
    },
  },
  mounted() {
    this.sight = whileSeen(this.$el, this.draw);
    this.offs = [
      this.course.onDraw(() => this.sight.askNow()),
      onTheme(() => this.sight.ask()),
      handlePlot(this.$refs.plot, this.course, (row) => this.$emit("select", row)),
    ];
    this.resizing = new ResizeObserver(() => this.sight.ask());
    this.resizing.observe(this.$refs.plot);
  },
  beforeUnmount() {
    this.offs.forEach((off) => off());
    this.resizing.disconnect();
    this.sight.close();
  },
  methods: {
    colourOf,
    many,
    draw() {
      const rows = this.course.rows();
      if (!rows) return;
      const { canvas } = this.$refs;
      const width = canvas.clientWidth;
      const scale = devicePixelRatio || 1;
      const [wide, high] = [Math.round(width * scale), Math.round(this.height * scale)];
      if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
      const pen = canvas.getContext("2d");
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, width, this.height);
      this.paint(pen, width, rows);
      this.drawn += 1;
    },
    paint(pen, width, rows) {
      const { text } = theme();
      const [from, to] = this.course.range();
      const place = (i) => ((this.course.x(i) - from) / (to - from)) * width;
      const count = rows.row.length;
      const half = count > 1 ? (place(count - 1) - place(0)) / (count - 1) / 2 : width / 2;
      agreementOf(rows, this.live).forEach(({ id, objects, dissents }) => {
        const top = this.modules.indexOf(id) * (ROW_PIXELS + GAP_PIXELS);
        for (const [first, last] of stretches(objects, dissents, rows, half > 1)) {
          if (objects[first] === null) continue;
          const left = Math.max(0, place(first) - half);
          const size = Math.max(1, Math.min(width, place(last) + half) - left);
          pen.fillStyle = colourOf(objects[first]);
          pen.globalAlpha = dissents[first] ? 1 : 0.45;
          pen.fillRect(left, top, size, ROW_PIXELS);
          pen.globalAlpha = 1;
          pen.fillStyle = text;
          if (dissents[first]) pen.fillRect(left, top + ROW_PIXELS, size, 2);
        }
      });
    },
  },
  template: `
    <div class="agreement" data-testid="agreement">
      <div ref="plot" class="plot-area" tabindex="0" role="img"
        aria-label="What each learning module believes in after each step. Plus and minus zoom; the words below say it for the selected step."
        :style="{ height: height + 'px' }">
        <canvas ref="canvas" class="agreement-canvas" :style="{ left: '${LEFT}px', width: 'calc(100% - ${LEFT + RIGHT}px)', height: height + 'px' }"></canvas>
        <span v-for="(name, i) in modules" :key="name" class="agreement-name" :title="name"
          :style="{ top: i * ${ROW_PIXELS + GAP_PIXELS} + 'px' }">{{ name.replace(/^learning_module_/, "LM ") }}</span>
        <PlotLines :course="course" :selection="selection" :drawn="drawn" />
      </div>
      <p class="agreement-words" data-testid="agreement-words" aria-live="off">
        <template v-if="said && said.most.object">
          <span class="dot" :style="{ backgroundColor: colourOf(said.most.object) }"></span>
          {{ said.most.of === 1 ? modules[0] + " believes" : said.most.votes + " of " + said.most.of + " believe" }} in <strong>{{ said.first.name }}</strong><template v-if="said.others.length">;
          <template v-for="(other, i) in said.others" :key="other.id">{{ i ? ", " : "" }}{{ other.id }} in
            <span class="dot" :style="{ backgroundColor: colourOf(other.meaning) }"></span> {{ other.name }}</template></template><template v-else-if="said.silent">; {{ many(said.silent, "other believes", "others believe") }} in nothing yet</template><template v-else-if="said.most.of > 1">: they agree</template>
        </template>
        <template v-else-if="said && said.most.tied">no majority: {{ said.most.votes }} votes each for the strongest</template>
        <template v-else>no learning module believes in an object at this step</template>
      </p>
    </div>
  `,
};

/** [first, last] of what is drawn as one piece: the same object and verdict, in one episode where these can be seen. */
function stretches(objects, dissents, rows, breaks) {
  const found = [];
  for (let i = 0; i < objects.length; i++) {
    const goes = i > 0 && objects[i] === objects[i - 1] && dissents[i] === dissents[i - 1];
    if (goes && !(breaks && beginsEpisode(rows, i))) found.at(-1)[1] = i;
    else found.push([i, i]);
  }
  return found;
}
