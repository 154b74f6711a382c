// The live connection of a run's page, and all that came through it. Small things are reactive; steps are not.
import { reactive, shallowReactive } from "vue";
import { api, escaped, queryText, workerPath } from "monty-liveview/api.js";
import { noteBeyond } from "monty-liveview/silence.js";
import { listen } from "monty-liveview/socket.js";
import { StepColumns } from "monty-liveview/step_columns.js";

/** Watch a run, and the steps of one of its workers (empty: of none). `close()` ends it. */
export function connect(run, worker) {
  const store = reactive({
    connected: false,
    heard: false, // whether the server has said anything of this run
    run: null,
    workers: shallowReactive({}),
    info: null,
    bulk: shallowReactive({}),
    rows: 0,
    episodes_revision: 0,
    logs: 0,
    events: 0,
    metrics: 0,
    data: 0,
    state: 0,
    problems: [],
    notes: [],
    delay_millis: null, // from a step to its leaving the server, of the newest step that came live
    clock_ahead_millis: 0, // what must be added to this browser's clock to get the server's
  });
  const episodes = new Map(); // "mode/episode" -> EpisodeRow, in order
  const steps = new StepColumns();
  const listeners = { steps: new Set(), reset: new Set() };
  let generation = null;
  let fresh = null; // [first, next) of rows that listeners were not told of
  let frame = 0;
  let isLive = false; // what comes first after a connection was waiting there, and says nothing of delay

  function address() {
    const asked = { run: escaped(run), worker: worker && escaped(worker), rows: steps.next, generation, want: "steps" };
    return `/live${queryText(asked)}`;
  }

  function take(said) {
    store.heard ||= Boolean(said.run);
    if (said.run) store.run = said.run;
    if (said.info) store.info = said.info;
    for (const head of said.workers ?? []) store.workers[head.worker] = head;
    for (const name of ["logs", "events"]) if (said[name]) store[name] = said[name].count;
    for (const name of ["metrics", "data", "state"]) if (said[name]) store[name] = said[name].revision;
    if (said.problems) store.problems = said.problems;
    if (said.notes) store.notes = said.notes;
    noteBeyond(said);
    if (said.server_unix_millis) store.clock_ahead_millis = said.server_unix_millis - Date.now();
    Object.assign(store.bulk, said.bulk);
    takeEpisodes(said.episodes ?? []);
    takeSteps(said);
  }

  function takeEpisodes(rows) {
    for (const row of rows) episodes.set(`${row.mode}/${row.episode}`, row);
    if (rows.length) store.episodes_revision += 1;
  }

  function takeSteps(said) {
    if (said.generation !== undefined && said.generation !== generation) {
      if (generation !== null) reset(said.first_row ?? 0);
      generation = said.generation;
    }
    if (!said.steps?.row.length) return;
    if (said.steps.row[0] > steps.next) reset(said.steps.row[0]);
    const added = steps.append(said.steps);
    if (!added) return;
    store.rows = steps.next;
    if (isLive) store.delay_millis = Math.max(0, said.server_unix_millis - said.steps.time_unix_millis.at(-1));
    isLive = true;
    fresh = [Math.min(fresh?.[0] ?? added[0], added[0]), added[1]];
    frame ||= requestAnimationFrame(tell);
  }

  function reset(next) {
    steps.clear(next);
    fresh = null;
    store.rows = next;
    for (const listener of listeners.reset) listener();
  }

  function tell() {
    frame = 0;
    const told = fresh;
    fresh = null;
    if (told) for (const listener of listeners.steps) listener(Math.max(told[0], steps.first), told[1]);
  }

  function add(kind, listener) {
    listeners[kind].add(listener);
    return () => listeners[kind].delete(listener);
  }

  function onConnected(connected) {
    store.connected = connected;
    isLive = false;
  }

  const socket = listen(address, { onMessage: take, onConnected });
  return {
    run,
    worker,
    store,
    steps,
    episodes,
    /** Call with (first, next) of new rows, at most once per animation frame; at once with what is there already. */
    onSteps(listener) {
      if (steps.count) listener(steps.first, steps.next);
      return add("steps", listener);
    },
    /** Call when all rows that were there are void; new ones follow through `onSteps`. */
    onReset: (listener) => add("reset", listener),
    /** Rows between `first` and `last`, at most `points` of them; without bounds the whole course. */
    fetchSteps: (query = {}) => api(workerPath(run, worker, "steps", query)),
    /** Names of the objects that a learning module's graphs were learned from when an episode began, by graph id. */
    graphTargets(mode, episode, module) {
      const told = episodes.get(`${mode}/${episode}`)?.graph_targets ?? {};
      return Object.hasOwn(told, module) ? told[module] : {};
    },
    fetchMoment: (row) => api(workerPath(run, worker, "moment", { row })),
    close() {
      cancelAnimationFrame(frame);
      socket.close();
    },
  };
}

/** All runs, live: `store.runs` by name. */
export function connectRuns() {
  const store = reactive({ connected: false, heard: false, runs: shallowReactive({}), problems: [], notes: [] });
  const socket = listen(() => "/live_runs", {
    onMessage(said) {
      store.heard = true;
      for (const head of said.runs ?? []) store.runs[head.run] = head;
      for (const name of said.forgotten ?? []) delete store.runs[name];
      if (said.problems) store.problems = said.problems;
      if (said.notes) store.notes = said.notes;
      noteBeyond(said);
    },
    onConnected: (connected) => (store.connected = connected),
  });
  return { store, close: socket.close };
}
