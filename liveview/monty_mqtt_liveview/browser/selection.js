// What a run's page looks at, the same in all of its parts and in its address: a reload or a link restores the view.
import { reactive, watch } from "vue";

const WRITE_MILLIS = 150; // browsers refuse more than a hundred changes of the address in ten seconds

function number(text) {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

/**
 * The selection of a run's page.
 *
 * worker: whose steps are shown; null until it is known, empty for the whole run.
 * followed: the newest step is shown, and `row` follows it.
 * row, mode, episode, step: the moment that is shown; null until there is one. `row` decides, the others say what it is.
 * tab: which of the lower parts is open.
 */
export function selectionOf() {
  const query = new URLSearchParams(location.search);
  const selection = reactive({
    worker: query.get("worker"),
    followed: query.get("episode") === null,
    row: null,
    mode: query.get("mode"),
    episode: number(query.get("episode")),
    step: number(query.get("step")),
    tab: query.get("tab"),
  });
  let timer = null;
  function write() {
    timer = null;
    const { worker, followed, mode, episode, step, tab } = selection;
    const said = { worker, tab, ...(followed ? {} : { mode, episode, step }) };
    const present = Object.entries(said).filter(([, value]) => value !== null && value !== "");
    const text = new URLSearchParams(present).toString();
    const address = location.pathname + (text && `?${text}`);
    if (address !== location.pathname + location.search) history.replaceState(history.state, "", address);
  }
  watch(selection, () => (timer ??= setTimeout(write, WRITE_MILLIS)));
  return selection;
}
