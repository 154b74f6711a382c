// How this browser shows metrics: remembered, and the same for all of their charts.
import { reactive, watch } from "vue";

const KEY = "monty-metrics";
const MOST_PINNED = 24;
export const MOST_SMOOTHING = 0.99;

export interface MetricSettings {
  isLog: boolean;
  smoothing: number; // 0 to MOST_SMOOTHING, weight of what was before
  axis: "time" | "elapsed";
  pinned: string[]; // names, of any run
}

/** The settings of a text that was remembered; what it does not say, or says wrongly, is as it is at first. */
export function settingsOf(text: string | null): MetricSettings {
  const said = parsed(text);
  const smoothing = Number(said.smoothing);
  return {
    isLog: said.isLog === true,
    smoothing: smoothing > 0 ? Math.min(MOST_SMOOTHING, smoothing) : 0,
    axis: said.axis === "elapsed" ? "elapsed" : "time",
    pinned: Array.isArray(said.pinned)
      ? said.pinned.filter((name) => typeof name === "string").slice(-MOST_PINNED)
      : [],
  };
}

function parsed(text: string | null): Record<string, unknown> {
  try {
    const said = JSON.parse(text ?? "{}");
    return said && typeof said === "object" ? said : {};
  } catch {
    return {};
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing for this page
  }
}

export const settings = reactive(settingsOf(remembered()));

watch(settings, () => {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // they hold until the page is left
  }
});

/** Pin a metric to the top, or take it from there. */
export function togglePinned(name: string): void {
  settings.pinned = settings.pinned.includes(name)
    ? settings.pinned.filter((one) => one !== name)
    : [...settings.pinned, name].slice(-MOST_PINNED);
}

/** How charts are drawn now; `startedMillis`: when the run began. Reactive. */
export function lookOf(startedMillis: number | null | undefined) {
  const { isLog, smoothing, axis } = settings;
  return { isLog, smoothing, origin: axis === "elapsed" && startedMillis ? startedMillis : null };
}
