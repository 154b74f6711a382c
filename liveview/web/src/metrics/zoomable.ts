// What every chart of metrics has that zooms: its stretch of the x axis, and numbers that are asked for again when it changes.
import type { ComponentPublicInstance } from "vue";
import type { ServedAxis } from "@/metrics/course";
import { axisStretch } from "@/metrics/axis_stretch";
import { handlePlot } from "@/plots/plot_gestures";
import { makeRefresher } from "@/server/polling";
import { whileSeen } from "@/look/while_seen";
import { servedAxis } from "@/metrics/settings";

const PAUSE_MILLIS = 2000;
const ZOOM_MILLIS = 120;

interface Zoomable extends ComponentPublicInstance {
  error: string;
  stretch: ReturnType<typeof axisStretch>;
  axis: ServedAxis;
  refresher: ReturnType<typeof makeRefresher>;
  sight: ReturnType<typeof whileSeen>;
  off: () => void;
  timer?: ReturnType<typeof setTimeout>;
  load: () => Promise<void>;
  onZoom: () => void;
  span: () => [number | null, number | null];
  /** Ask the server for this stretch of the axis (null: all of it); return what takes the answer over, or null to drop it. */
  bring: (first: number | null, last: number | null) => Promise<(() => void) | null>;
}

/** The mixin. The component has `bring`, and in its template a plot (`ref="plot"`) with a chart (`ref="chart"`). */
export const zoomable = {
  data(this: Zoomable) {
    return { error: "", stretch: axisStretch(() => this.onZoom()) };
  },
  created(this: Zoomable) {
    this.refresher = makeRefresher(this.load, PAUSE_MILLIS);
  },
  mounted(this: Zoomable) {
    this.sight = whileSeen(this.$el, this.refresher.request);
    this.sight.ask();
    this.off = handlePlot(this.$refs.plot as HTMLElement, this.stretch, () => {});
  },
  computed: {
    /** The server's axis of what is asked for. */
    axis: servedAxis,
  },
  watch: {
    axis(this: Zoomable) {
      this.stretch.reset();
      void this.load();
    },
  },
  beforeUnmount(this: Zoomable) {
    this.off();
    clearTimeout(this.timer);
    this.sight.close();
    this.refresher.stop();
  },
  methods: {
    picture(this: Zoomable, kind: "png" | "svg"): Promise<Blob> {
      return (this.$refs.chart as { picture: (kind: "png" | "svg") => Promise<Blob> }).picture(kind);
    },
    onZoom(this: Zoomable) {
      clearTimeout(this.timer);
      this.timer = setTimeout(this.load, ZOOM_MILLIS);
    },
    span(this: Zoomable): [number | null, number | null] {
      if (this.stretch.view.isWhole) return [null, null];
      return this.stretch.ends();
    },
    async load(this: Zoomable) {
      const { axis } = this;
      const [first, last] = this.span();
      try {
        const take = await this.bring(first, last);
        const [firstNow, lastNow] = this.span();
        if (first !== firstNow || last !== lastNow || axis !== this.axis) return; // it was zoomed meanwhile, and asked for again
        take?.();
        this.error = "";
      } catch (error) {
        this.error = error instanceof Error ? error.message : String(error);
      }
    },
  },
};
