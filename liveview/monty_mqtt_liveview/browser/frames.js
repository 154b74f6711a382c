// What every sensor sees at the selected step, in colour and in depth. Where a step has no frame, the one before it.
import { api, escaped, workerPath } from "monty-liveview/api.js";
import { byName, short } from "monty-liveview/format.js";
import { frameStore } from "monty-liveview/frame_store.js";
import { isLive } from "monty-liveview/run_progress.js";
import { whileSeen } from "monty-liveview/seen.js";

const differ = (range, other) => Boolean(range && other && (range[0] !== other[0] || range[1] !== other[1]));
const MODALITIES = { rgba: "colour", depth: "depth" };

export default {
  props: { live: Object, selection: Object, moment: Object, moments: Object },
  data: () => ({ shown: {}, scales: {}, failed: {} }),
  computed: {
    isOver() {
      return Boolean(this.live.store.run) && !isLive(this.live.store.run);
    },
    /** By sensor: {modality: frame}, in order. */
    sensors() {
      const found = new Map();
      for (const frame of this.moment?.frames ?? []) {
        if (!found.has(frame.sensor)) found.set(frame.sensor, {});
        found.get(frame.sensor)[frame.modality] = frame;
      }
      return [...found].sort(([one], [other]) => byName(one, other));
    },
  },
  watch: {
    moment() {
      this.sight?.ask();
    },
    /** While a run goes on its scale may grow, also for who looks at an old step; when it is over it is said once more. */
    isOver() {
      this.bringScales();
    },
  },
  mounted() {
    this.store = frameStore(this.live.run, this.live.worker);
    this.busy = new Set();
    this.outdated = new Set();
    this.sight = whileSeen(this.$el, this.bring);
    this.off = this.moments.onNeighbour((moment) => {
      if (this.sight.isSeen()) for (const frame of moment.frames ?? []) this.store.bring(frame, moment.row).catch(() => {});
    });
    if (this.moment) this.sight.ask();
  },
  beforeUnmount() {
    this.off();
    this.sight.close();
  },
  unmounted() {
    this.store.close();
  },
  methods: {
    short,
    keyOf: (frame) => `${frame.sensor}/${frame.modality}`,
    words: (modality) => MODALITIES[modality] ?? modality,
    modalities: (frames) => Object.keys(frames).sort((one, other) => (one === "rgba" ? -1 : other === "rgba" ? 1 : byName(one, other))),
    bring() {
      for (const frame of this.moment?.frames ?? []) {
        this.bringOne(frame);
        if (frame.modality === "depth" && !(frame.sensor in this.scales)) this.bringScale(frame.sensor);
      }
    },
    /** One request at a time per image; when it is back, what is wanted by then is asked for. */
    async bringOne(frame) {
      const key = this.keyOf(frame);
      if (this.busy.has(key)) return;
      this.busy.add(key);
      this.outdated.delete(key);
      const { row } = this.moment;
      try {
        const found = await this.store.bring(frame, row);
        const isOtherScale = differ(found.range, this.shown[key]?.range);
        if (isOtherScale) this.store.forgetOthers(frame);
        this.shown[key] = { ...found, row };
        if (isOtherScale && frame.sensor in this.scales) this.bringScale(frame.sensor);
        delete this.failed[key];
      } catch (error) {
        this.failed[key] = error.message;
      }
      this.busy.delete(key);
      if (this.outdated.has(key) || (this.moment && this.moment.row !== row)) this.sight.ask();
    },
    /** An image has taken the place of another, which may go if it is not kept. */
    release() {
      this.store.release(new Set(Object.values(this.shown).map(({ url }) => url)));
    },
    async bringScale(sensor) {
      this.scales[sensor] ??= null;
      const scale = await api(workerPath(this.live.run, this.live.worker, "depth_scale", { sensor: escaped(sensor) })).catch(() => null);
      if (scale) this.scales[sensor] = scale;
      else delete this.scales[sensor];
      const shown = this.shown[`${sensor}/depth`];
      if (scale && shown && differ(shown.range, [scale.min_metres, scale.max_metres])) this.redraw(sensor);
    },
    bringScales() {
      for (const sensor of Object.keys(this.scales)) this.bringScale(sensor);
    },
    /** What is shown was coloured before the scale grew: ask for it again. */
    redraw(sensor) {
      const frame = this.moment?.frames.find((one) => one.sensor === sensor && one.modality === "depth");
      if (!frame) return;
      this.store.forget(frame);
      this.outdated.add(this.keyOf(frame));
      this.sight.ask();
    },
    /** Which step the image is of, and whether that is an older one. */
    labelOf(frame) {
      const image = this.shown[this.keyOf(frame)];
      const said = image && image.step !== null ? image : frame;
      const isOlder = said.episode !== this.moment.episode || said.step !== this.moment.step;
      const step = said.step === null || said.step === undefined ? "step unknown" : `step ${said.step}`;
      return { isOlder, text: said.episode === this.moment.episode ? step : `episode ${said.episode}, ${step}` };
    },
    onObject(sensor) {
      const on = this.moment.sensors?.[sensor]?.on_object;
      return on === undefined || on === null || on === -1 ? "" : on ? "on object" : "off object";
    },
    /** Metres at both ends of the bar: as the image itself says, it is the one that is looked at. */
    rangeOf(frame) {
      const { min_metres: low, max_metres: high } = this.scales[frame.sensor];
      return this.shown[this.keyOf(frame)]?.range ?? [low, high];
    },
    barStyle: (scale) => ({ backgroundImage: `linear-gradient(to right, ${scale.colours.join(", ")})` }),
  },
  template: `
    <section class="panel" data-testid="frames" aria-labelledby="frames-title">
      <header><h2 id="frames-title">Sensors</h2>
        <span class="muted">{{ moment ? "episode " + moment.episode + ", step " + moment.step : "" }}</span></header>
      <div class="body">
        <div v-if="!sensors.length" class="empty small">
          <p class="headline">No frame up to this step</p>
          <p>Frames are sent every <span class="mono">sensor_image_throttle_ms</span> (100 ms unless set); with
            <span class="mono">liveview.frames=false</span> none are.</p>
        </div>
        <div v-else class="frames">
          <div v-for="[sensor, frames] in sensors" :key="sensor" class="frame-sensor" :data-testid="'sensor-' + sensor">
            <h3 class="clip" :title="sensor">{{ sensor }}
              <span class="frame-on">{{ onObject(sensor) }}</span></h3>
            <div class="frame-pair">
              <figure v-for="modality in modalities(frames)" :key="modality" :data-testid="'frame-' + sensor + '-' + modality"
                :data-step="shown[keyOf(frames[modality])]?.step ?? ''" :data-row="shown[keyOf(frames[modality])]?.row ?? ''">
                <img v-if="shown[keyOf(frames[modality])]" :src="shown[keyOf(frames[modality])].url" :alt="words(modality) + ' image of ' + sensor + ', ' + labelOf(frames[modality]).text" @load="release" />
                <div v-else class="frame-none">{{ failed[keyOf(frames[modality])] ?? "…" }}</div>
                <figcaption :class="{ older: labelOf(frames[modality]).isOlder }">{{ words(modality) }} · {{ labelOf(frames[modality]).text }}<template v-if="labelOf(frames[modality]).isOlder"> (before)</template></figcaption>
                <div v-if="modality === 'depth' && scales[sensor]" class="depth-scale" :data-testid="'depth-scale-' + sensor" :title="scales[sensor].note">
                  <div class="depth-bar" :style="barStyle(scales[sensor])"></div>
                  <div class="depth-ends"><span>{{ short(rangeOf(frames[modality])[0]) }} m</span><span v-if="scales[sensor].farther_colour" class="depth-farther"><span class="key-square" :style="{ backgroundColor: scales[sensor].farther_colour }"></span>farther</span><span v-if="!scales[sensor].is_final" class="depth-growing" data-testid="so-far">so far</span><span>{{ short(rangeOf(frames[modality])[1]) }} m</span></div>
                </div>
              </figure>
            </div>
          </div>
        </div>
      </div>
    </section>
  `,
};
