// How metrics are shown, as text: for this browser's memory, and for the address. Pure.
import { AXES, type Axis } from "@/metrics/course";

export const MOST_PINNED = 24;
const LONGEST_PINNED = 500; // characters of a name: all names that are pinned are asked for in one address
export const MOST_SMOOTHING = 0.99;

export interface MetricSettings {
  isLog: boolean;
  smoothing: number; // 0 to MOST_SMOOTHING, weight of what was before
  axis: Axis;
  pinned: string[]; // names, of any run
}

type Look = Omit<MetricSettings, "pinned">;

const isAxis = (word: unknown): word is Axis => AXES.some((axis) => axis === word);

function smoothingOf(said: unknown): number {
  const smoothing = Number(said);
  return smoothing > 0 ? Math.min(MOST_SMOOTHING, smoothing) : 0;
}

/** The settings of a text that was remembered; what it does not say, or says wrongly, is as it is at first. */
export function settingsOf(text: string | null): MetricSettings {
  const said = parsed(text);
  return {
    isLog: said.isLog === true,
    smoothing: smoothingOf(said.smoothing),
    axis: isAxis(said.axis) ? said.axis : "time",
    pinned: Array.isArray(said.pinned)
      ? said.pinned.filter((name) => typeof name === "string" && canPin(name)).slice(-MOST_PINNED)
      : [],
  };
}

/** Whether a name is short enough to be pinned. */
export const canPin = (name: string) => name.length <= LONGEST_PINNED;

function parsed(text: string | null): Record<string, unknown> {
  try {
    const said = JSON.parse(text ?? "{}");
    return said && typeof said === "object" ? said : {};
  } catch {
    return {};
  }
}

/** How charts are drawn, as text for the address: `step-log-0.6`; empty where nothing was changed. */
export function lookText({ axis, isLog, smoothing }: Look): string {
  const words = [axis === "time" ? "" : axis, isLog ? "log" : "", smoothing ? String(smoothing) : ""];
  return words.filter(Boolean).join("-");
}

/** How charts are drawn by a text of the address. */
export function lookIn(text: string): Look {
  const words = text.split("-");
  return {
    axis: words.find(isAxis) ?? "time",
    isLog: words.includes("log"),
    smoothing: smoothingOf(words.find((word) => Number(word) > 0)),
  };
}
