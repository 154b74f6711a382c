// Which parts of a run's page are shown, and in which order: as text for the address and for the browser's memory. Pure.

/** Parts by the place where they stand; within it their order may change. */
export const AREAS = {
  above: ["timeline"],
  left: ["beliefs"],
  right: ["frames", "space", "closer"],
  below: ["details", "episodes", "tabs"],
} as const;

export type Area = keyof typeof AREAS;

/** Name of a part: one of the page's, or of an operator's own panel. */
export type Panel = string;

const TITLES: Record<(typeof AREAS)[Area][number], string> = {
  timeline: "Episodes in a strip",
  beliefs: "Evidence and hypotheses",
  frames: "Sensors",
  space: "Hypothesis space",
  closer: "Chosen learning module",
  details: "Numbers and configuration",
  episodes: "Episode by episode",
  tabs: "Results, logs, metrics, data",
};

/** A panel of the operator's own: its title, and where it stands. */
export interface OwnPart {
  title: string;
  where: Area;
}

/** What there is to arrange: parts by area, their titles, and those that are shown unless somebody chose; null: all. */
export interface Parts {
  areas: Record<Area, readonly Panel[]>;
  titles: Record<Panel, string>;
  shown: readonly Panel[] | null;
}

export interface Arrangement {
  order: Panel[];
  hidden: Panel[];
}

const BUILT_IN: Parts = { areas: AREAS, titles: TITLES, shown: null };
const HIDES = "~";

/** The page's parts with those of the operator, which stand last; `shown`: the operator's choice and order. */
export function partsWith(own: Record<Panel, OwnPart>, shown: readonly Panel[] | null): Parts {
  const named = Object.entries(own).sort(([one], [other]) => (one < other ? -1 : 1)); // whoever is known first
  const of = (area: Area) => named.filter(([, { where }]) => where === area).map(([name]) => name);
  const areas = (Object.keys(AREAS) as Area[]).map((area) => [area, [...AREAS[area], ...of(area)]]);
  const titles = Object.fromEntries(named.map(([name, { title }]) => [name, title]));
  return { areas: Object.fromEntries(areas), titles: { ...TITLES, ...titles }, shown };
}

export function defaultArrangement({ areas, shown }: Parts = BUILT_IN): Arrangement {
  const all = Object.values(areas).flat();
  if (!shown) return { order: all, hidden: [] };
  const hidden = all.filter((panel) => !shown.includes(panel));
  return { order: [...shown.filter((panel) => all.includes(panel)), ...hidden], hidden };
}

/** The text of an arrangement: the parts in their order, `~` before those that are hidden; empty if nothing was changed. */
export function textOf(arrangement: Arrangement, parts: Parts = BUILT_IN): string {
  const text = written(arrangement);
  return text === written(defaultArrangement(parts)) ? "" : text;
}

function written({ order, hidden }: Arrangement): string {
  return order.map((panel) => (hidden.includes(panel) ? HIDES : "") + panel).join(".");
}

/** The arrangement of a text. What it does not know is left out, what it does not name stands where it always does. */
export function arrangementOf(text: string | null, parts: Parts = BUILT_IN): Arrangement {
  const words = (text ?? "").split(".");
  const usual = defaultArrangement(parts);
  const named = words.map((word) => word.replace(HIDES, "")).filter((word) => usual.order.includes(word));
  const rest = usual.order.filter((panel) => !named.includes(panel));
  const isHidden = (panel: Panel) =>
    rest.includes(panel) ? usual.hidden.includes(panel) : words.includes(HIDES + panel);
  const order = [...new Set([...named, ...rest])];
  return { order, hidden: usual.order.filter(isHidden) };
}

/** Parts of an area, in their order. */
export function panelsIn({ order }: Arrangement, area: Area, { areas }: Parts = BUILT_IN): Panel[] {
  return order.filter((panel) => areas[area].includes(panel));
}

/** The order in which a part has gone one place up (-1) or down (1) in its area. */
export function moved(arrangement: Arrangement, panel: Panel, by: -1 | 1, parts: Parts = BUILT_IN): Panel[] {
  const area = (Object.keys(AREAS) as Area[]).find((one) => parts.areas[one].includes(panel));
  const neighbours = area ? panelsIn(arrangement, area, parts) : [];
  const other = neighbours[neighbours.indexOf(panel) + by];
  if (!other) return arrangement.order;
  return arrangement.order.map((one) => (one === panel ? other : one === other ? panel : one));
}
