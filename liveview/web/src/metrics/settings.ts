// How this browser shows metrics: remembered, in the address, and the same for all of their charts.
import { reactive, watch } from "vue";
import type { ServedAxis } from "@/metrics/course";
import { lookIn, lookText, MOST_PINNED, settingsOf } from "@/metrics/settings_text";

const REMEMBERED_AS = "monty-metrics";
const IN_ADDRESS = "charts";

function remembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED_AS);
  } catch {
    return null; // a browser that keeps nothing for this page
  }
}

const given = new URLSearchParams(location.search).get(IN_ADDRESS);

export const settings = reactive({ ...settingsOf(remembered()), ...(given === null ? {} : lookIn(given)) });

watch(settings, () => {
  try {
    localStorage.setItem(REMEMBERED_AS, JSON.stringify(settings));
  } catch {
    // they hold until the page is left
  }
});

watch(
  () => lookText(settings),
  (text) => {
    const address = new URL(location.href);
    if (text) address.searchParams.set(IN_ADDRESS, text);
    else address.searchParams.delete(IN_ADDRESS);
    history.replaceState(history.state, "", address);
  },
);

/** Pin a metric to the top, or take it from there. */
export function togglePinned(name: string): void {
  settings.pinned = settings.pinned.includes(name)
    ? settings.pinned.filter((one) => one !== name)
    : [...settings.pinned, name].slice(-MOST_PINNED);
}

/** The axis along which the server shall cut metrics. Reactive. */
export const servedAxis = (): ServedAxis => (settings.axis === "elapsed" ? "time" : settings.axis);

/** How charts are drawn now; `startedMillis`: when the run began. Reactive. */
export function lookOf(startedMillis: number | null | undefined) {
  const { isLog, smoothing, axis } = settings;
  if (axis !== "elapsed") return { isLog, smoothing, axis, origin: 0 };
  return startedMillis
    ? { isLog, smoothing, axis, origin: startedMillis }
    : { isLog, smoothing, axis: "time" as const, origin: 0 };
}
