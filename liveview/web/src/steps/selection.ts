// What a run's page looks at, the same in all of its parts and in its address: a reload or a link restores the view.
import { reactive, watch } from "vue";
import type { Live } from "@/server/live";

const OF_OTHERS = ["layout", "charts"]; // what `layout.ts` and the metrics' `settings.ts` write into the address
const WRITE_MILLIS = 150; // browsers refuse more than a hundred changes of the address in ten seconds

function number(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

export interface Selection {
  worker: string | null;
  followed: boolean;
  row: number | null;
  mode: string | null;
  episode: number | null;
  step: number | null;
  tab: string | null;
  module: string | null;
}

/**
 * The selection of a run's page.
 *
 * worker: whose steps are shown; null until it is known, empty for the whole run.
 * followed: the newest step is shown, and `row` follows it.
 * row, mode, episode, step: the moment that is shown; null until there is one. `row` decides, the others say what it is.
 * tab: which of the lower parts is open.
 * module: the learning module that is looked at more closely; null for the first.
 */
export function selectionOf(): Selection {
  const query = new URLSearchParams(location.search);
  const selection = reactive<Selection>({
    worker: query.get("worker"),
    followed: query.get("episode") === null,
    row: null,
    mode: query.get("mode"),
    episode: number(query.get("episode")),
    step: number(query.get("step")),
    tab: query.get("tab"),
    module: query.get("module"),
  });
  let timer: ReturnType<typeof setTimeout> | null = null;
  function write() {
    timer = null;
    const { worker, followed, mode, episode, step, tab, module } = selection;
    const said = { worker, tab, module, ...(followed ? {} : { mode, episode, step }) };
    const present = Object.entries(said).filter(([, value]) => value !== null && value !== "");
    const query = new URLSearchParams(present.map(([name, value]) => [name, String(value)]));
    const now = new URLSearchParams(location.search);
    for (const name of OF_OTHERS) if (now.has(name)) query.set(name, now.get(name) as string);
    const text = query.toString();
    const address = location.pathname + (text && `?${text}`);
    if (address !== location.pathname + location.search) history.replaceState(history.state, "", address);
  }
  watch(selection, () => (timer ??= setTimeout(write, WRITE_MILLIS)));
  return selection;
}

/** The learning module of the selection, of those that there are; null where there is none. */
export function chosenModule({ module }: Selection, modules: string[]): string | null {
  return module !== null && modules.includes(module) ? module : (modules[0] ?? null);
}

type Episodes = Pick<Live, "episodes"> & { store: Pick<Live["store"], "episodes_revision"> };

/** The target's rotation in the selected episode, Euler angles in degrees; null where it is not known. Reactive. */
export function targetDegsOf({ store, episodes }: Episodes, { mode, episode }: Selection): (number | null)[] | null {
  void store.episodes_revision;
  return episodes.get(`${mode}/${episode}`)?.target_rotation_euler_degs ?? null;
}
