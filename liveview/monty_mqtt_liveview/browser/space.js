// Where a learning module thinks it is: the learned model, its hypotheses by evidence, and the sensor's path, in 3D.
import { markRaw } from "vue";
import { escaped, runAddress } from "monty-liveview/api.js";
import { scaleBackground } from "monty-liveview/colour_scale.js";
import { byName, many, short } from "monty-liveview/format.js";
import { nameOf } from "monty-liveview/object_names.js";
import { colourOf } from "monty-liveview/palette.js";
import { whileSeen } from "monty-liveview/seen.js";
import { fetchCloud, fetchModel, fetchPath, hypothesesOf, isPlace, pathOnModel } from "monty-liveview/space_data.js";
import { isDark, onTheme, theme } from "monty-liveview/theme.js";

const KEYS = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] };
const ZOOMS = { "+": 0.8, "=": 0.8, "-": 1.25 };
const MOST_MODELS = 12; // kept: a run that learns sends a larger one after each episode
const FOLLOWED = ""; // of the choices of an object: whatever is most likely

export default {
  props: { live: Object, selection: Object, moment: Object, modules: Array },
  data: () => ({
    why: "",
    module: null,
    object: FOLLOWED,
    frameOf: "model", // whose frame of reference the path is drawn in: the model's, or the body's as sensed
    cloud: null,
    model: undefined, // {points, source}; null where there is none
    path: [],
    failed: "",
    axisMetres: null,
    isSoftware: false,
  }),
  computed: {
    scaleBackground: () => scaleBackground(isDark()),
    chosenModule() {
      return this.modules.includes(this.module) ? this.module : (this.modules[0] ?? null);
    },
    hypothesis() {
      return this.moment?.learning_modules[this.chosenModule]?.most_likely ?? null;
    },
    likelyPlace() {
      return isPlace(this.hypothesis?.location) ? this.hypothesis.location : null;
    },
    objects() {
      void this.live.store.rows;
      const known = this.live.steps.learning_modules[this.chosenModule]?.objects ?? [];
      const learned = Object.keys(this.live.store.bulk).flatMap((key) => modelIn(key, this.chosenModule));
      return [...new Set([...known, ...learned, ...(this.cloud?.objects ?? [])])].sort(byName);
    },
    chosenObject() {
      if (this.object !== FOLLOWED) return this.object;
      const [graph] = this.moment?.learning_modules[this.chosenModule]?.target_graphs ?? [];
      return this.hypothesis?.object ?? graph ?? this.moment?.target_object ?? null;
    },
    chosenName() {
      return this.nameOf(this.chosenObject);
    },
    shownHypotheses() {
      return hypothesesOf(this.cloud, this.chosenObject, isDark());
    },
    placedPath() {
      const onModel = this.frameOf === "model" ? pathOnModel(this.path, this.hypothesis) : null;
      return { places: onModel ?? this.path, isOnModel: Boolean(onModel) };
    },
    sensor() {
      const known = this.live.store.info?.learning_modules?.find((one) => one.learning_module === this.chosenModule);
      const sensed = Object.keys(this.moment?.sensors ?? {});
      return known?.sensor_modules?.find((one) => sensed.includes(one)) ?? sensed[0] ?? null;
    },
    points() {
      return this.model?.points ?? [];
    },
    modelWords() {
      if (this.model) return `${many(this.points.length / 3, "point")} of the learned model of ${this.chosenName}`;
      if (!this.chosenObject) return "no object is believed in";
      if (this.model === undefined) return `looking for the learned model of ${this.chosenName}`;
      return `no run on this page has learned ${this.chosenName}: a run sends a model after each training episode`;
    },
    /** The run that the model is of, if that is another one. */
    learnedBy() {
      return this.model && this.model.source.run !== this.live.run ? this.model.source : null;
    },
    cloudWords() {
      if (!this.chosenModule) return "no learning module has spoken yet";
      if (!this.cloud) return `no hypotheses of ${this.chosenModule} were sent in this episode up to this step${this.othersWords}`;
      const { step } = this.cloud;
      const of = this.chosenObject ? ` of ${this.chosenName}` : "";
      const when = step === this.moment?.step ? "" : `, of step ${step} (before)`;
      return `${many(this.shownHypotheses.count, "hypothesis", "hypotheses")}${of}${when}`;
    },
    othersWords() {
      const others = Object.keys(this.moment?.clouds ?? {}).sort(byName);
      return others.length ? `; of ${others.join(", ")} they were` : "";
    },
    wished() {
      return [this.moment, this.chosenModule, this.chosenObject, this.modelKey];
    },
    /** Which model is wanted, and of when; null where no object is. */
    modelKey() {
      if (!this.chosenModule || !this.chosenObject) return null;
      const key = `object_model/${escaped(this.chosenModule)}/${escaped(this.chosenObject)}`;
      return JSON.stringify([key, this.live.store.bulk[key]?.time_unix_millis ?? null]);
    },
  },
  watch: {
    wished() {
      this.sight?.ask();
    },
    shownHypotheses: "draw",
    placedPath: "draw",
    model: "draw",
    hypothesis: "draw",
  },
  mounted() {
    this.models = new Map();
    this.asked = 0;
    this.sight = whileSeen(this.$el, this.bring);
    this.off = onTheme(() => this.draw());
    this.sight.ask();
  },
  beforeUnmount() {
    this.off();
    this.sight.close();
    this.scene?.close();
  },
  methods: {
    colourOf,
    short,
    many,
    runAddress,
    /** In the episode of the shown step. */
    nameOf(graph) {
      const { mode, episode, learning_modules: said } = this.moment ?? {};
      const isNew = said?.[this.chosenModule]?.is_new && graph === this.hypothesis?.object;
      return nameOf(graph, this.live.graphTargets(mode, episode, this.chosenModule), isNew);
    },
    /** The 3D library is large: it is loaded when this comes into sight for the first time. */
    async begin() {
      const { SpaceScene, whyNot3d } = await import("monty-liveview/space_scene.js");
      this.why = whyNot3d() ?? "";
      if (this.why || !this.$refs.view) return;
      try {
        this.scene = new SpaceScene(this.$refs.view, () => {
          this.why = "The graphics driver gave the 3D view up; reload the page to try it again.";
        });
      } catch (error) {
        this.why = `The 3D view cannot be drawn here: ${error.message}`;
        return;
      }
      this.isSoftware = this.scene.isSoftware;
      this.draw();
    },
    async bring() {
      this.begun ??= this.begin();
      const { moment } = this;
      if (!moment || !this.chosenModule) return;
      const mine = ++this.asked;
      const { run, worker, episodes } = this.live;
      const first = episodes.get(`${moment.mode}/${moment.episode}`)?.first_row ?? moment.row - moment.step;
      try {
        const [model, cloud, path] = await Promise.all([
          this.modelKey ? this.bringModel() : null,
          this.bringCloud(run, worker, moment),
          this.sensor ? fetchPath(this.live, this.sensor, Math.max(0, first), moment.row) : [],
        ]);
        if (mine !== this.asked) return;
        this.model = model && markRaw(model);
        this.cloud = cloud && Object.freeze(cloud);
        this.path = Object.freeze(path);
        this.failed = "";
      } catch (error) {
        if (mine === this.asked) this.failed = error.message;
      }
    },
    /** The same cloud holds for many steps: it is asked for when the moment says that there is another. */
    bringCloud(run, worker, moment) {
      const there = moment.clouds?.[this.chosenModule];
      if (!there) return null;
      const key = JSON.stringify([this.chosenModule, there.episode, there.step]);
      if (this.cloudKey !== key) {
        this.cloudKey = key;
        this.cloudPromise = fetchCloud(run, worker, this.chosenModule, moment.row);
        this.cloudPromise.catch(() => (this.cloudKey = null));
      }
      return this.cloudPromise;
    },
    bringModel() {
      const key = this.modelKey;
      if (!this.models.has(key)) {
        const found = fetchModel(this.live.run, this.live.worker, this.chosenModule, this.chosenObject);
        found.catch(() => this.models.delete(key));
        this.models.set(key, found);
        if (this.models.size > MOST_MODELS) this.models.delete(this.models.keys().next().value);
      }
      return this.models.get(key);
    },
    draw() {
      if (!this.scene) return;
      const { text, faint, accent } = theme();
      const { positions, colours } = this.shownHypotheses;
      this.scene.setLines(faint);
      this.scene.setModel(this.points, faint);
      this.scene.setHypotheses(positions, colours);
      this.scene.setPath(this.placedPath.places.flat(), accent);
      this.scene.setMostLikely(this.hypothesis?.object === this.chosenObject ? this.likelyPlace : null, text);
      const view = `${this.chosenModule}/${this.chosenObject}/${Boolean(this.model)}/${this.moment?.mode}/${this.moment?.episode}`;
      if (this.fitted !== view && this.scene.fit()) this.fitted = view;
      this.axisMetres = this.scene.axisMetres;
    },
    onKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.scene) return;
      const turn = KEYS[event.key] ?? (event.key in ZOOMS ? [0, 0, ZOOMS[event.key]] : null);
      if (!turn) return;
      event.preventDefault();
      event.stopPropagation();
      this.scene.turn(...turn);
    },
    fit() {
      this.scene?.fit();
    },
    placeWords: (place) => place.map((value) => short(value)).join(", "),
  },
  template: `
    <section class="panel" data-testid="space" aria-labelledby="space-title">
      <header>
        <h2 id="space-title">Hypothesis space</h2>
        <label class="labelled">of <select v-model="module" class="field small" data-testid="space-module" aria-label="learning module">
          <option :value="null" v-if="module === null">{{ chosenModule }}</option>
          <option v-for="name in modules" :key="name" :value="name">{{ name }}</option></select></label>
        <label class="labelled">object <select v-model="object" class="field small" data-testid="space-object" aria-label="object">
          <option value="${FOLLOWED}">the most likely</option>
          <option v-for="name in objects" :key="name" :value="name">{{ nameOf(name) }}</option></select></label>
        <label class="labelled">path <select v-model="frameOf" class="field small" data-testid="space-frame" aria-label="frame of reference of the path">
          <option value="model">as the hypothesis places it</option>
          <option value="body">as sensed</option></select></label>
      </header>
      <div class="body">
        <p v-if="why" class="empty small" data-testid="space-why">{{ why }}</p>
        <div v-else class="space-view" ref="view" tabindex="0" role="img" @keydown="onKey" @dblclick="fit"
          :aria-label="'3D view of ' + (chosenName ?? 'no object') + '. Arrow keys turn it, plus and minus come nearer and go away.'"></div>
        <ul class="space-legend">
          <li><span class="key-point faint"></span><span data-testid="space-model" :data-count="points.length / 3">{{ modelWords }}<template v-if="learnedBy">, as <a :href="runAddress(learnedBy.run)">{{ learnedBy.run }}</a> learned it{{ learnedBy.is_certain ? "" : " (the newest before; this run may use another)" }}</template></span></li>
          <li><span class="key-point scale" :style="{ backgroundImage: scaleBackground }"></span><span data-testid="space-hypotheses" :data-count="shownHypotheses.count">{{ cloudWords }}</span></li>
          <li v-if="shownHypotheses.count" class="space-scale" data-testid="space-scale"><span>evidence {{ short(shownHypotheses.low) }}</span>
            <span class="scale-bar" :style="{ backgroundImage: scaleBackground }"></span><span>{{ short(shownHypotheses.high) }}</span></li>
          <li><span class="key-point path"></span><span data-testid="space-path" :data-count="path.length">{{ path.length ? many(path.length, "place") + " of " + sensor + (placedPath.isOnModel ? ", as the hypothesis places them" : ", as sensed (body frame)") : "no sensor location in this episode" }}</span></li>
          <li v-if="likelyPlace"><span class="key-point likely"></span><span data-testid="space-most-likely" :data-place="likelyPlace.join(' ')">most likely: {{ nameOf(hypothesis.object) }} at ({{ placeWords(likelyPlace) }}) m</span></li>
          <li v-if="axisMetres"><span class="key-point axes"></span><span data-testid="space-axes">lines in the corner: {{ short(axisMetres) }} m along x, y (up) and z</span></li>
          <li v-if="isSoftware" class="muted">drawn by the processor, without a graphics card: it turns slowly</li>
          <li v-if="failed" class="bad" role="status">{{ failed }}</li>
        </ul>
      </div>
    </section>
  `,
};

/** The object that a key of `store.bulk` has a model of, if it is this learning module's. */
function modelIn(key, module) {
  const start = `object_model/${escaped(module ?? "")}/`;
  return key.startsWith(start) ? [decodeURIComponent(key.slice(start.length))] : [];
}
