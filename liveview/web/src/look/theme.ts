// Light or dark: what the system says, unless the user chose; the choice is remembered.
import { computed, reactive, watch } from "vue";

const KEY = "monty-theme";
const CHOICES = ["system", "light", "dark"] as const;

type Choice = (typeof CHOICES)[number];

const system = matchMedia("(prefers-color-scheme: dark)");
const state = reactive<{ choice: Choice; systemIsDark: boolean }>({
  choice: remembered(),
  systemIsDark: system.matches,
});
const dark = computed(() => (state.choice === "system" ? state.systemIsDark : state.choice === "dark"));

system.addEventListener("change", (event) => (state.systemIsDark = event.matches));

function remembered(): Choice {
  try {
    const kept = localStorage.getItem(KEY);
    return CHOICES.find((choice) => choice === kept) ?? "system";
  } catch {
    return "system"; // a browser that keeps nothing for this page
  }
}

/** Whether the page is dark now. Reactive. */
export function isDark(): boolean {
  return dark.value;
}

/** `system`, `light` or `dark`. Reactive. */
export function themeChoice(): Choice {
  return state.choice;
}

/** Go on to the next choice. */
export function nextTheme(): void {
  state.choice = CHOICES[(CHOICES.indexOf(state.choice) + 1) % CHOICES.length] ?? "system";
  try {
    localStorage.setItem(KEY, state.choice);
  } catch {
    // it holds until the page is left
  }
}

function apply(): void {
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
}

watch(dark, apply, { flush: "sync" });
apply();

/** Call when the page turned light or dark, after its colours changed; returns a function that ends it. */
export function onTheme(listener: () => void): () => void {
  return watch(dark, () => listener(), { flush: "post" });
}

/** Colours by their names in the style sheets. */
export type Colours = Record<string, string>;

/** The page's colours, for canvases. */
export function theme(): Colours {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "faint", "line", "surface", "background", "accent", "bad", "warn", "good"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
