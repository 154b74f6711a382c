// One colour per word and per object, told apart by colour-blind eyes too; the same as in the Grafana dashboards.
// Source of the colours: Okabe and Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/.
import { reactive } from "vue";
import colours from "@/look/colours.json";
import { isDark } from "@/look/theme";

export const STATUSES: Record<string, string> = colours.statuses;
export const OUTCOMES: Record<string, string> = colours.outcomes;

/** Statuses of a run that goes on. */
export const LIVE_STATUSES = ["initializing", "running", "paused", "aborting"];

const OTHER_OUTCOME = "#7A5C3E"; // a word of a Monty that is newer than this page
const OBJECTS = colours.objects;
const NONE = "#999999";
const DASHES = ["solid", "dashed", "dotted"] as const;

const objects = reactive(new Map<string, number>());

/** Give objects their colours in this order, unless they have one. */
export function knowObjects(names: Iterable<string>): void {
  for (const name of names) if (!objects.has(name)) objects.set(name, objects.size);
}

function placeOf(name: string): number {
  knowObjects([name]);
  return objects.get(name) ?? 0;
}

/** Colour of an object, the same everywhere on the page. */
export function colourOf(name: string): string {
  const known = isDark() ? OBJECTS.dark : OBJECTS.light;
  return known[placeOf(name) % known.length] ?? NONE;
}

/** Line type of an object: where there are more objects than colours, it tells them apart. */
export function dashOf(name: string): (typeof DASHES)[number] {
  return DASHES[Math.floor(placeOf(name) / OBJECTS.light.length) % DASHES.length] ?? "solid";
}

export function statusColour(word: string): string {
  return STATUSES[word] ?? NONE;
}

export function outcomeColour(word: string | null | undefined): string {
  return OUTCOMES[word ?? "no_outcome"] ?? OTHER_OUTCOME;
}

/** Monty's word, or that there is none. */
export function outcomeWords(word: string | null | undefined): string {
  return !word || word === "no_outcome" ? "no outcome" : word;
}

function luminance(colour: string): number {
  const light = (at: number) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * light(1) + 0.7152 * light(3) + 0.0722 * light(5);
}

/** Black or white, whichever is read better on a colour (`#rrggbb`). */
export function readableOn(colour: string): string {
  return luminance(colour) > 0.179 ? "#000000" : "#ffffff";
}

/** Style of a word on its colour. */
export function onColour(colour: string) {
  return { backgroundColor: colour, color: readableOn(colour) };
}
