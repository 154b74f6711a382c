// The arrangement of a run's page in this browser: from the address, else as it was left, else as the operator made it;
// every change goes into address and memory.
import { computed, inject, type InjectionKey, provide, reactive } from "vue";
import {
  arrangementOf,
  defaultArrangement,
  moved,
  type Arrangement,
  type OwnPart,
  type Panel,
  panelsIn,
  partsWith,
  textOf,
  type Area,
} from "@/layout/panels";

const REMEMBERED_AS = "monty-layout";
const IN_ADDRESS = "layout";
const INJECTED: InjectionKey<Layout> = Symbol("layout");

/** What the operator's `layout.toml` says of this run: panels in their order, patterns of metrics; null: all of them. */
interface Preset {
  panels: readonly string[] | null;
  metrics: readonly string[] | null;
}

/** An arrangement belongs to what was there to arrange: another experiment's layout has its own. */
const keyOf = ({ panels }: Preset) => (panels ? `${REMEMBERED_AS}:${panels.join(".")}` : REMEMBERED_AS);

function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // a browser that keeps nothing for this page
  }
}

function remember(key: string, text: string): void {
  try {
    if (text) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // it holds until the page is left
  }
  const address = new URL(location.href);
  if (text) address.searchParams.set(IN_ADDRESS, text);
  else address.searchParams.delete(IN_ADDRESS);
  history.replaceState(history.state, "", address);
}

/** The layout of the page, for all parts below the component that calls it: see `useLayout`. */
export function provideLayout() {
  const given = new URLSearchParams(location.search).get(IN_ADDRESS);
  const state = reactive({
    preset: { panels: null, metrics: null } as Preset,
    own: {} as Record<Panel, OwnPart>,
    text: given ?? remembered(REMEMBERED_AS),
    enlarged: null as Panel | null,
  });
  const parts = computed(() => partsWith(state.own, state.preset.panels));
  const arrangement = computed(() => arrangementOf(state.text, parts.value));
  const areaPanels = (area: Area) => panelsIn(arrangement.value, area, parts.value);
  const isShown = (panel: Panel) => !arrangement.value.hidden.includes(panel);

  function change(next: Partial<Arrangement>) {
    state.text = textOf({ ...arrangement.value, ...next }, parts.value);
    remember(keyOf(state.preset), state.text);
  }

  const layout = {
    isShown,
    isEnlarged: (panel: Panel) => state.enlarged === panel,
    isChanged: () => textOf(arrangement.value, parts.value) !== "",
    titleOf: (panel: Panel) => parts.value.titles[panel] ?? panel,
    /** Parts of an area that are shown, in their order. */
    shownIn: (area: Area) => areaPanels(area).filter(isShown),
    panelsIn: areaPanels,
    hide(panel: Panel) {
      if (state.enlarged === panel) state.enlarged = null;
      change({ hidden: [...arrangement.value.hidden, panel] });
    },
    show: (panel: Panel) => change({ hidden: arrangement.value.hidden.filter((one) => one !== panel) }),
    move: (panel: Panel, by: -1 | 1) => change({ order: moved(arrangement.value, panel, by, parts.value) }),
    reset: () => change(defaultArrangement(parts.value)),
    /** Fill the window with one part; null ends it. */
    enlarge: (panel: Panel | null) => (state.enlarged = panel),
    /** Take over what the operator arranged for this run. */
    preset(preset: Preset) {
      if (keyOf(preset) !== keyOf(state.preset)) state.text = given ?? remembered(keyOf(preset));
      state.preset = preset;
    },
    /** Patterns of the metrics that the operator wants to be shown; empty for all. */
    metricPatterns: () => state.preset.metrics ?? [],
    /** Make a panel of the operator's own one of the parts. */
    add: (panel: Panel, part: OwnPart) => (state.own[panel] = part),
    isOwn: (panel: Panel) => Object.hasOwn(state.own, panel),
    hasOwn: () => Object.keys(state.own).length > 0,
  };
  provide(INJECTED, layout);
  return layout;
}

export type Layout = ReturnType<typeof provideLayout>;

/** The layout that the page above provides. */
export const useLayout = () => inject(INJECTED) as Layout;
