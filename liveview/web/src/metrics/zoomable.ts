// What every chart of metrics has that zooms: its stretch of the x axis, and numbers that are asked for again when it changes.
import { computed, onBeforeUnmount, onMounted, ref, type ShallowRef, watch } from "vue";
import { axisStretch } from "@/metrics/axis_stretch";
import { handlePlot } from "@/plots/plot_gestures";
import { makeRefresher } from "@/server/polling";
import { whileSeen } from "@/look/while_seen";
import { servedAxis } from "@/metrics/settings";

const PAUSE_MILLIS = 2000;
const ZOOM_MILLIS = 120;

type Element = Readonly<ShallowRef<HTMLElement | null>>;
type Picture = (kind: "png" | "svg") => Promise<Blob>;

/** Ask the server for this stretch of the axis (null: all of it); return what takes the answer over, or null to drop it. */
type Bring = (first: number | null, last: number | null) => Promise<(() => void) | null>;

/** For a component whose `root` has a `plot` with a `chart`: `ask` brings what is new while somebody can see it. */
export function useZoom(
  root: Element,
  plot: Element,
  chart: Readonly<ShallowRef<{ picture: Picture } | null>>,
  bring: Bring,
) {
  const axis = computed(servedAxis); // the server's axis of what is asked for
  const error = ref("");
  const stretch = axisStretch(onZoom);
  const refresher = makeRefresher(load, PAUSE_MILLIS);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let sight: ReturnType<typeof whileSeen> | null = null;
  let offs: (() => void)[] = [];

  function onZoom() {
    clearTimeout(timer);
    timer = setTimeout(load, ZOOM_MILLIS);
  }

  function span(): [first: number | null, last: number | null] {
    return stretch.view.isWhole ? [null, null] : stretch.ends();
  }

  async function load() {
    const asked = axis.value;
    const [first, last] = span();
    try {
      const take = await bring(first, last);
      const [firstNow, lastNow] = span();
      if (first !== firstNow || last !== lastNow || asked !== axis.value) return; // it was zoomed meanwhile, and asked for again
      take?.();
      error.value = "";
    } catch (failure) {
      error.value = failure instanceof Error ? failure.message : String(failure);
    }
  }

  async function picture(kind: "png" | "svg"): Promise<Blob> {
    if (!chart.value) throw new Error("There is no chart yet.");
    return chart.value.picture(kind);
  }

  watch(axis, () => {
    stretch.reset();
    void load();
  });
  onMounted(() => {
    sight = whileSeen(root.value as HTMLElement, refresher.request);
    sight.ask();
    offs = [handlePlot(plot.value as HTMLElement, stretch, () => {}), sight.close];
  });
  onBeforeUnmount(() => {
    for (const off of offs) off();
    clearTimeout(timer);
    refresher.stop();
  });
  return { axis, error, stretch, picture, ask: () => sight?.ask() };
}
