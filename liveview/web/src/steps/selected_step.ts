// The selected step: goes there, and brings what is known of it. The newest wish wins; neighbours are brought beforehand.
import { shallowReactive, watch } from "vue";
import type { Live } from "@/server/live";
import type { Moment } from "@/server/openapi";
import type { Selection } from "@/steps/selection";

const WAIT_MILLIS = 40;
const LIVE_MILLIS = 300; // while following, as often; what moves faster is taken from the steps themselves
const KEPT = 64;

/** The selected step of a run's page. */
export type Moments = ReturnType<typeof momentsOf>;

/** What is known of the selected step: `state.moment` (null before it came), `state.failed` (why it does not come). */
export function momentsOf(live: Live, selection: Selection) {
  const state = shallowReactive({ moment: null as Moment | null, failed: "" });
  const kept = new Map<number, Promise<Moment>>(); // by row, the one used last at the end
  const listeners = new Set<(moment: Moment) => void>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let dueAt = 0;
  let fetchedAt = 0;
  let asked = 0;

  function fetched(row: number): Promise<Moment> {
    const found = kept.get(row) ?? live.fetchMoment(row);
    kept.delete(row);
    kept.set(row, found);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value as number);
    found.catch(() => kept.delete(row));
    return found;
  }

  async function bring() {
    timer = null;
    const { row } = selection;
    if (row === null) return;
    fetchedAt = performance.now();
    const mine = ++asked;
    try {
      // The newest step's frames may still be on their way: what is known of it now is not all.
      const moment = await (selection.followed ? live.fetchMoment(row) : fetched(row));
      if (mine !== asked) return;
      state.moment = moment;
      state.failed = "";
      if (!selection.followed) lookAround(row);
    } catch (error) {
      if (mine === asked) state.failed = (error as Error).message;
    }
  }

  function lookAround(row: number): void {
    for (const near of [row + 1, row - 1]) {
      if (near < 0 || near >= live.steps.next) continue;
      fetched(near).then(
        (moment) => listeners.forEach((listener) => listener(moment)),
        () => {},
      );
    }
  }

  function bringSoon() {
    const now = performance.now();
    const due = Math.max(now, fetchedAt + (selection.followed ? LIVE_MILLIS : WAIT_MILLIS));
    if (timer !== null && dueAt <= due) return;
    if (timer !== null) clearTimeout(timer);
    dueAt = due;
    timer = setTimeout(bring, due - now);
  }

  function follow() {
    if (selection.followed && live.steps.count) placeAt(live.steps.next - 1);
  }

  /** Say which step a row is, as far as it is known here; the rest comes with its moment. */
  function placeAt(row: number): void {
    const { steps } = live;
    selection.row = row;
    const at = row - steps.first;
    if (at < 0 || at >= steps.count) return;
    selection.mode = steps.columns.mode.values[at] ?? null;
    selection.episode = steps.columns.episode.values[at] ?? null;
    selection.step = steps.columns.step.values[at] ?? null;
  }

  function adopt(moment: Moment | null): void {
    if (!moment || moment.row !== selection.row) return;
    selection.mode = moment.mode;
    selection.episode = moment.episode;
    selection.step = moment.step;
  }

  const offs = [
    live.onSteps(follow),
    live.onReset(() => kept.clear()),
    watch(() => selection.row, bringSoon, { immediate: true }),
    watch(() => selection.followed, follow),
    watch(() => selection.followed && live.store.bulk, bringSoon, { deep: true }),
    watch(() => state.moment, adopt),
  ];

  return {
    state,
    /** Show a row, and stay there. */
    go(row: number) {
      const last = live.steps.next - 1;
      if (last < 0) return;
      selection.followed = false;
      placeAt(Math.max(0, Math.min(row, last)));
    },
    /** Show the newest step from now on. */
    follow() {
      selection.followed = true;
    },
    /** Be given the moments beside the selected one; returns what ends it. */
    onNeighbour(listener: (moment: Moment) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (timer !== null) clearTimeout(timer);
      offs.forEach((off) => off());
    },
  };
}
