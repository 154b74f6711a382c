// Asking the server again and again, but never too often, never twice at once, and never for a page that nobody sees.

/** `request()` calls `load` soon, and at most once in `pauseMillis`; `stop()` ends it. */
export function makeRefresher(load, pauseMillis) {
  let timer = null;
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
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    },
  };
}
