// Asking the server again and again, but never too often, never twice at once, and never for a page that nobody sees.
import { onBeforeUnmount, ref } from "vue";

interface Refresher {
  request: () => void;
  stop: () => void;
}

/**
 * What a component has that shows what `load` asks the server for: it is called at once and after each `request()`;
 * `error` says what went wrong, `isLoaded` that there was an answer.
 */
export function useLoading(load: () => Promise<void>, pauseMillis: number) {
  const error = ref("");
  const isLoaded = ref(false);
  const { request, stop } = makeRefresher(async () => {
    try {
      await load();
      error.value = "";
    } catch (failure) {
      error.value = (failure as Error).message;
    }
    isLoaded.value = true;
  }, pauseMillis);
  onBeforeUnmount(stop);
  request();
  return { error, isLoaded, request };
}

/** `request()` calls `load` soon, and at most once in `pauseMillis`; `stop()` ends it. */
export function makeRefresher(load: () => Promise<void>, pauseMillis: number): Refresher {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isLoading = false;
  let isWanted = false;
  let isStopped = false;
  let loadedAt = -Infinity;

  async function run() {
    timer = null;
    if (document.visibilityState !== "visible") return;
    isWanted = false;
    isLoading = true;
    loadedAt = performance.now();
    try {
      await load();
    } finally {
      isLoading = false;
      if (isWanted) schedule();
    }
  }

  function schedule() {
    if (timer !== null || isLoading || isStopped) return;
    timer = setTimeout(run, Math.max(0, loadedAt + pauseMillis - performance.now()));
  }

  function request() {
    isWanted = true;
    schedule();
  }

  function wake() {
    if (isWanted) schedule();
  }

  document.addEventListener("visibilitychange", wake);
  return {
    request,
    stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    },
  };
}
