// Which parts of a run's page are shown, and in which order: as text for the address and for the browser's memory. Pure.

/** Parts by the place where they stand; within it their order may change. */
export const AREAS = {
  above: ["timeline"],
  left: ["beliefs"],
  right: ["frames", "space", "closer"],
  below: ["details", "episodes", "tabs"],
} as const;

export type Area = keyof typeof AREAS;
export type Panel = (typeof AREAS)[Area][number];

export const TITLES: Record<Panel, string> = {
  timeline: "Episodes in a strip",
  beliefs: "Evidence and hypotheses",
  frames: "Sensors",
  space: "Hypothesis space",
  closer: "Chosen learning module",
  details: "Numbers and configuration",
  episodes: "Episode by episode",
  tabs: "Results, logs, metrics, data",
};

export interface Arrangement {
  order: Panel[];
  hidden: Panel[];
}

const DEFAULT: Panel[] = Object.values(AREAS).flat();
const HIDES = "~";

export const defaultArrangement = (): Arrangement => ({ order: [...DEFAULT], hidden: [] });

/** The text of an arrangement: the parts in their order, `~` before those that are hidden; empty if nothing was changed. */
export function textOf({ order, hidden }: Arrangement): string {
  const isChanged = hidden.length > 0 || order.some((panel, i) => panel !== DEFAULT[i]);
  return isChanged ? order.map((panel) => (hidden.includes(panel) ? HIDES : "") + panel).join(".") : "";
}

/** The arrangement of a text. What it does not know is left out, what it does not name stands where it always does. */
export function arrangementOf(text: string | null): Arrangement {
  const words = (text ?? "").split(".");
  const named = words.map((word) => word.replace(HIDES, "")).filter(isPanel);
  const rest = DEFAULT.filter((panel) => !named.includes(panel));
  return { order: [...new Set([...named, ...rest])], hidden: DEFAULT.filter((panel) => words.includes(HIDES + panel)) };
}

/** Parts of an area, in their order. */
export function panelsIn({ order }: Arrangement, area: Area): Panel[] {
  return order.filter((panel) => areaOf(panel) === area);
}

/** The order in which a part has gone one place up (-1) or down (1) in its area. */
export function moved(arrangement: Arrangement, panel: Panel, by: -1 | 1): Panel[] {
  const neighbours = panelsIn(arrangement, areaOf(panel));
  const other = neighbours[neighbours.indexOf(panel) + by];
  if (!other) return arrangement.order;
  return arrangement.order.map((one) => (one === panel ? other : one === other ? panel : one));
}

function areaOf(panel: Panel): Area {
  return (Object.keys(AREAS) as Area[]).find((area) => (AREAS[area] as readonly Panel[]).includes(panel)) as Area;
}

function isPanel(word: string): word is Panel {
  return Object.hasOwn(TITLES, word);
}
