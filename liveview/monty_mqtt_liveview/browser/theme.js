// Light or dark: what the system says, unless the user chose; the choice is remembered.
import { computed, reactive, watch } from "vue";

const KEY = "monty-theme";
const CHOICES = ["system", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");
const state = reactive({ choice: remembered(), systemIsDark: system.matches });
const dark = computed(() => (state.choice === "system" ? state.systemIsDark : state.choice === "dark"));

system.addEventListener("change", (event) => (state.systemIsDark = event.matches));

function remembered() {
  try {
    const choice = localStorage.getItem(KEY);
    return CHOICES.includes(choice) ? choice : "system";
  } catch {
    return "system"; // a browser that keeps nothing for this page
  }
}

/** Whether the page is dark now. Reactive. */
export function isDark() {
  return dark.value;
}

/** `system`, `light` or `dark`. Reactive. */
export function themeChoice() {
  return state.choice;
}

/** Go on to the next choice. */
export function nextTheme() {
  state.choice = CHOICES[(CHOICES.indexOf(state.choice) + 1) % CHOICES.length];
  try {
    localStorage.setItem(KEY, state.choice);
  } catch {
    // it holds until the page is left
  }
}

function apply() {
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
}

watch(dark, apply, { flush: "sync" });
apply();

/** Call when the page turned light or dark, after its colours changed; returns a function that ends it. */
export function onTheme(listener) {
  return watch(dark, () => listener(), { flush: "post" });
}

/** The page's colours, for canvases. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "faint", "line", "surface", "background", "accent", "bad", "warn", "good"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
