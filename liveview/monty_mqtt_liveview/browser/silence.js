// Whether anything is heard at all. Where nothing is, what is shown as live is as of the moment of the last word.
import { computed, reactive } from "vue";

export const SILENT_MILLIS = 4000; // the server gives a sign of life every second

/** Times of this browser's clock: `here`: since when this browser hears nothing; `beyond`: since when the page's server hears nothing of its broker. */
const since = reactive({ here: null, beyond: null });

/** Since when nothing was heard, in milliseconds; null while something is. */
export const silentSince = computed(() => {
  const times = Object.values(since).filter((time) => time !== null);
  return times.length ? Math.min(...times) : null;
});

/** Note since when this browser hears nothing; null: it does. */
export function noteHere(time) {
  since.here = time;
}

/** Note what the server says of its broker: `silent_since_unix_millis`, by the server's own clock `server_unix_millis`. */
export function noteBeyond(said) {
  if (said.silent_since_unix_millis === undefined) return;
  const time = said.silent_since_unix_millis;
  since.beyond = time === null ? null : Date.now() - (said.server_unix_millis - time);
}
