// The arrangement of a run's page in this browser: from the address, else as it was left; every change goes into both.
import { inject, provide, reactive } from "vue";
import {
  arrangementOf,
  defaultArrangement,
  moved,
  type Arrangement,
  type Panel,
  panelsIn,
  textOf,
  type Area,
} from "@/layout/panels";

const REMEMBERED_AS = "monty-layout";
const IN_ADDRESS = "layout";
const INJECTED = "layout";

function remembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED_AS);
  } catch {
    return null; // a browser that keeps nothing for this page
  }
}

function remember(text: string): void {
  try {
    if (text) localStorage.setItem(REMEMBERED_AS, text);
    else localStorage.removeItem(REMEMBERED_AS);
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
  const state = reactive<Arrangement & { enlarged: Panel | null }>({
    ...arrangementOf(given ?? remembered()),
    enlarged: null,
  });

  function change(next: Partial<Arrangement>) {
    Object.assign(state, next);
    remember(textOf(state));
  }

  const layout = {
    isShown: (panel: Panel) => !state.hidden.includes(panel),
    isEnlarged: (panel: Panel) => state.enlarged === panel,
    isChanged: () => textOf(state) !== "",
    /** Parts of an area that are shown, in their order. */
    shownIn: (area: Area) => panelsIn(state, area).filter((panel) => !state.hidden.includes(panel)),
    panelsIn: (area: Area) => panelsIn(state, area),
    hide(panel: Panel) {
      if (state.enlarged === panel) state.enlarged = null;
      change({ hidden: [...state.hidden, panel] });
    },
    show: (panel: Panel) => change({ hidden: state.hidden.filter((one) => one !== panel) }),
    move: (panel: Panel, by: -1 | 1) => change({ order: moved(state, panel, by) }),
    reset: () => change(defaultArrangement()),
    /** Fill the window with one part; null ends it. */
    enlarge: (panel: Panel | null) => (state.enlarged = panel),
  };
  provide(INJECTED, layout);
  return layout;
}

export type Layout = ReturnType<typeof provideLayout>;

/** The layout that the page above provides. */
export const useLayout = () => inject(INJECTED) as Layout;
