// Title and icon of the browser's tab: they show how the run is, also while another tab is in front.
import { watch } from "vue";
import { LIVE_STATUSES, statusColour } from "@/look/palette";
import { silentSince } from "@/server/silence";

const SIGNS: Record<string, string> = {
  running: "▶",
  paused: "⏸",
  completed: "✓",
  error: "✕",
  aborted: "■",
  disconnected: "?",
  stalled: "!",
};

const UNKNOWN_COLOUR = "#666666";

type Shown = [title: string, status: string | null, stalled: boolean];

let shown: string | null = null;
let last: Shown | null = null;

watch(silentSince, () => last && showInTab(...last));

/** The sign that stands for a status word, told apart without colour. */
export function signOf(status: string, stalled: boolean): string {
  return SIGNS[stalled ? "stalled" : status] ?? "…";
}

/** Show `status` (null: of nothing in particular) in the tab, and `title` beside its sign; "?" where it may be another by now. */
export function showInTab(title: string, status: string | null = null, stalled = false): void {
  last = [title, status, stalled];
  const isOld = silentSince.value !== null && status !== null && LIVE_STATUSES.includes(status);
  const text = status ? `${isOld ? "?" : signOf(status, stalled)} ${title}` : title;
  if (document.title !== text) document.title = text;
  const colour = isOld ? UNKNOWN_COLOUR : stalled ? "#E69F00" : status ? statusColour(status) : "#0072B2";
  if (colour === shown) return;
  shown = colour;
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="${colour}" d="M16 2l12 7v14l-12 7-12-7V9z"/><circle cx="16" cy="16" r="5" fill="#fff"/></svg>`;
  const link =
    document.querySelector<HTMLLinkElement>("link[rel~=icon]") ??
    document.head.appendChild(document.createElement("link"));
  link.rel = "icon";
  link.type = "image/svg+xml";
  link.href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
}
