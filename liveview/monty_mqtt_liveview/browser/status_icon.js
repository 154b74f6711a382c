// Title and icon of the browser's tab: they show how the run is, also while another tab is in front.
import { statusColour } from "monty-liveview/palette.js";

const SIGNS = { running: "▶", paused: "⏸", completed: "✓", error: "✕", aborted: "■", disconnected: "?", stalled: "!" };

let shown = null;

/** The sign that stands for a status word, told apart without colour. */
export function signOf(status, stalled) {
  return SIGNS[stalled ? "stalled" : status] ?? "…";
}

/** Show `status` (null: of nothing in particular) in the tab, and `title` beside its sign. */
export function showInTab(title, status = null, stalled = false) {
  const text = status ? `${signOf(status, stalled)} ${title}` : title;
  if (document.title !== text) document.title = text;
  const colour = stalled ? "#E69F00" : status ? statusColour(status) : "#0072B2";
  if (colour === shown) return;
  shown = colour;
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="${colour}" d="M16 2l12 7v14l-12 7-12-7V9z"/><circle cx="16" cy="16" r="5" fill="#fff"/></svg>`;
  const link = document.querySelector("link[rel~=icon]") ?? document.head.appendChild(document.createElement("link"));
  link.rel = "icon";
  link.type = "image/svg+xml";
  link.href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
}
