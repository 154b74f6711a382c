// One colour per word and per object, told apart by colour-blind eyes too; the same as in the Grafana dashboards.
// Source of the colours: Okabe and Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/.
import { reactive } from "vue";
import { isDark } from "monty-liveview/theme.js";

const GREEN = "#009E73";
const ORANGE = "#E69F00";
const VERMILLION = "#D55E00";
const SKY_BLUE = "#56B4E9";
const BLUE = "#0072B2";
const PURPLE = "#CC79A7";
const YELLOW = "#F0E442";
const GREY = "#999999";

export const STATUSES = {
  initializing: GREY,
  running: SKY_BLUE,
  paused: YELLOW,
  aborting: ORANGE,
  completed: GREEN,
  aborted: PURPLE,
  error: VERMILLION,
  disconnected: "#666666",
};

export const OUTCOMES = {
  correct: GREEN,
  correct_mlh: SKY_BLUE,
  confused: VERMILLION,
  confused_mlh: ORANGE,
  no_match: BLUE,
  time_out: PURPLE,
  pose_time_out: YELLOW,
  patch_off_object: GREY,
  no_label: "#BBBBBB",
  no_outcome: "#DDDDDD",
};

/** Statuses of a run that goes on. */
export const LIVE_STATUSES = ["initializing", "running", "paused", "aborting"];

const OTHER_OUTCOME = "#7A5C3E"; // a word of a Monty that is newer than this page
const OBJECTS = {
  light: [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY_BLUE, "#882255", "#8C8200", "#5B4FCF", "#4A4A4A"],
  dark: ["#2E86D1", VERMILLION, GREEN, PURPLE, ORANGE, SKY_BLUE, "#C23B6B", YELLOW, "#8F85F0", "#D0D0D0"],
};
const DASHES = ["solid", "dashed", "dotted"];

const objects = reactive(new Map());

/** Give objects their colours in this order, unless they have one. */
export function knowObjects(names) {
  for (const name of names) if (!objects.has(name)) objects.set(name, objects.size);
}

function placeOf(name) {
  if (!objects.has(name)) knowObjects([name]);
  return objects.get(name);
}

/** Colour of an object, the same everywhere on the page. */
export function colourOf(name) {
  const colours = isDark() ? OBJECTS.dark : OBJECTS.light;
  return colours[placeOf(name) % colours.length];
}

/** Line type of an object: where there are more objects than colours, it tells them apart. */
export function dashOf(name) {
  return DASHES[Math.floor(placeOf(name) / OBJECTS.light.length) % DASHES.length];
}

export function statusColour(word) {
  return STATUSES[word] ?? GREY;
}

export function outcomeColour(word) {
  return OUTCOMES[word ?? "no_outcome"] ?? OTHER_OUTCOME;
}

/** Monty's word, or that there is none. */
export function outcomeWords(word) {
  return !word || word === "no_outcome" ? "no outcome" : word;
}

function luminance(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Black or white, whichever is read better on a colour (`#rrggbb`). */
export function readableOn(colour) {
  return luminance(colour) > 0.179 ? "#000000" : "#ffffff";
}

/** Style of a word on its colour. */
export function onColour(colour) {
  return { backgroundColor: colour, color: readableOn(colour) };
}
