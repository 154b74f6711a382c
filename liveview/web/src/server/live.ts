// The live connection of a run's page, and all that came through it. Small things are reactive; steps are not.
import { reactive, shallowReactive } from "vue";
import { type Query, api, escaped, queryText, workerPath } from "@/server/api";
import type {
  BulkPlace,
  EpisodeRow,
  Info,
  Moment,
  RunHead,
  RunNews,
  RunsNews,
  StepColumns as Rows,
  WorkerHead,
} from "@/server/openapi";
import { noteBeyond } from "@/server/silence";
import { listen } from "@/server/socket";
import { StepColumns } from "@/server/step_columns";

type OnSteps = (first: number, next: number) => void;
type OnReset = () => void;

/** What came of a run, but for its steps. */
interface Store {
  connected: boolean;
  /** Whether the server has said anything of this run. */
  heard: boolean;
  run: RunHead | null;
  workers: Record<string, WorkerHead>;
  info: Info | null;
  bulk: Record<string, BulkPlace>;
  rows: number;
  episodes_revision: number;
  logs: number;
  events: number;
  metrics: number;
  machine: number;
  data: number;
  state: number;
  problems: string[];
  notes: string[];
  /** From a step to its leaving the server, of the newest step that came live. */
  delay_millis: number | null;
  /** What must be added to this browser's clock to get the server's. */
  clock_ahead_millis: number;
}

/** The connection of a run's page. */
export type Live = ReturnType<typeof connect>;

/** Watch a run, and the steps of one of its workers (empty: of none). `close()` ends it. */
export function connect(run: string, worker: string) {
  const store: Store = reactive({
    connected: false,
    heard: false,
    run: null,
    workers: shallowReactive<Store["workers"]>({}),
    info: null,
    bulk: shallowReactive<Store["bulk"]>({}),
    rows: 0,
    episodes_revision: 0,
    logs: 0,
    events: 0,
    metrics: 0,
    machine: 0,
    data: 0,
    state: 0,
    problems: [],
    notes: [],
    delay_millis: null,
    clock_ahead_millis: 0,
  });
  const episodes = new Map<string, EpisodeRow>(); // "mode/episode" -> EpisodeRow, in order
  const steps = new StepColumns();
  const onSteps = new Set<OnSteps>();
  const onReset = new Set<OnReset>();
  let generation: number | null = null;
  let fresh: [first: number, next: number] | null = null; // rows that listeners were not told of
  let frame = 0;
  let isLive = false; // what comes first after a connection was waiting there, and says nothing of delay

  function address(): string {
    const asked = { run: escaped(run), worker: worker && escaped(worker), rows: steps.next, generation, want: "steps" };
    return `/live${queryText(asked)}`;
  }

  function take(said: RunNews): void {
    store.heard ||= Boolean(said.run);
    if (said.run) store.run = said.run;
    if (said.info) store.info = said.info;
    for (const head of said.workers ?? []) store.workers[head.worker] = head;
    for (const name of ["logs", "events"] as const) store[name] = said[name]?.count ?? store[name];
    for (const name of ["metrics", "machine", "data", "state"] as const)
      store[name] = said[name]?.revision ?? store[name];
    if (said.problems) store.problems = said.problems;
    if (said.notes) store.notes = said.notes;
    noteBeyond(said);
    if (said.server_unix_millis) store.clock_ahead_millis = said.server_unix_millis - Date.now();
    Object.assign(store.bulk, said.bulk);
    takeEpisodes(said.episodes ?? []);
    takeSteps(said);
  }

  function takeEpisodes(rows: EpisodeRow[]): void {
    for (const row of rows) episodes.set(`${row.mode}/${row.episode}`, row);
    if (rows.length) store.episodes_revision += 1;
  }

  function takeSteps(said: RunNews): void {
    if (said.generation !== undefined && said.generation !== generation) {
      if (generation !== null) reset(said.first_row ?? 0);
      generation = said.generation;
    }
    const [first] = said.steps?.row ?? [];
    if (!said.steps || first === undefined) return;
    if (first > steps.next) reset(first);
    const added = steps.append(said.steps);
    if (!added) return;
    store.rows = steps.next;
    if (isLive) store.delay_millis = delayOf(said.steps, said.server_unix_millis as number);
    isLive = true;
    fresh = [Math.min(fresh?.[0] ?? added[0], added[0]), added[1]];
    frame ||= requestAnimationFrame(tell);
  }

  function reset(next: number): void {
    steps.clear(next);
    fresh = null;
    store.rows = next;
    for (const listener of onReset) listener();
  }

  function tell(): void {
    frame = 0;
    const told = fresh;
    fresh = null;
    if (told) for (const listener of onSteps) listener(Math.max(told[0], steps.first), told[1]);
  }

  function onConnected(connected: boolean): void {
    store.connected = connected;
    isLive = false;
  }

  const socket = listen<RunNews>(address, { onMessage: take, onConnected });
  return {
    run,
    worker,
    store,
    steps,
    episodes,
    /** Call with (first, next) of new rows, at most once per animation frame; at once with what is there already. */
    onSteps(listener: OnSteps) {
      if (steps.count) listener(steps.first, steps.next);
      return added(onSteps, listener);
    },
    /** Call when all rows that were there are void; new ones follow through `onSteps`. */
    onReset: (listener: OnReset) => added(onReset, listener),
    /** Rows between `first` and `last`, at most `points` of them; without bounds the whole course. */
    fetchSteps: (query: Query = {}): Promise<Rows> => api(workerPath(run, worker, "steps", query)),
    /** Names of the objects that a learning module's graphs were learned from when an episode began, by graph id. */
    graphTargets(mode: string | null, episode: number | null, module: string): Record<string, string[]> {
      const told = episodes.get(`${mode}/${episode}`)?.graph_targets ?? {};
      return Object.hasOwn(told, module) ? (told[module] ?? {}) : {};
    },
    fetchMoment: (row: number): Promise<Moment> => api(workerPath(run, worker, "moment", { row })),
    close() {
      cancelAnimationFrame(frame);
      socket.close();
    },
  };
}

/** All runs, live: `store.runs` by name. */
export function connectRuns() {
  const store = reactive({
    connected: false,
    heard: false,
    runs: shallowReactive<Record<string, RunHead>>({}),
    problems: [] as string[],
    notes: [] as string[],
  });
  const socket = listen<RunsNews>(() => "/live_runs", {
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

function added<Listener>(listeners: Set<Listener>, listener: Listener): () => boolean {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function delayOf(rows: Rows, serverUnixMillis: number): number {
  return Math.max(0, serverUnixMillis - (rows.time_unix_millis.at(-1) as number));
}
