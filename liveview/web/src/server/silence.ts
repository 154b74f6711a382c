// Whether anything is heard at all. Where nothing is, what is shown as live is as of the moment of the last word.
import { computed, reactive } from "vue";
import type { RunsNews } from "@/server/openapi";

export const SILENT_MILLIS = 4000; // the server gives a sign of life every second

type PageNews = Pick<RunsNews, "silent_since_unix_millis" | "server_unix_millis">;

/** Times of this browser's clock: `here`: since when this browser hears nothing; `beyond`: since when the page's server hears nothing of its broker. */
const since = reactive<{ here: number | null; beyond: number | null }>({ here: null, beyond: null });

/** Since when nothing was heard, in milliseconds; null while something is. */
export const silentSince = computed<number | null>(() => {
  const times = Object.values(since).filter((time) => time !== null);
  return times.length ? Math.min(...times) : null;
});

/** Note since when this browser hears nothing; null: it does. */
export function noteHere(time: number | null): void {
  since.here = time;
}

/** Note what the server says of its broker, by its own clock. */
export function noteBeyond(said: PageNews): void {
  const { silent_since_unix_millis: time, server_unix_millis: now } = said;
  if (time === undefined || now === undefined) return;
  since.beyond = time === null ? null : Date.now() - (now - time);
}
