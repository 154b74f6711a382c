// Asking the server again and again, but never too often, never twice at once, and never for a page that nobody sees.

/**
 * What a component has that shows what its method `load` asks the server for: asked at once and after each
 * `refresher.request()`; `error` says what went wrong, `isLoaded` that there was an answer.
 */
export function loading(pauseMillis) {
  return {
    data: () => ({ error: "", isLoaded: false }),
    created() {
      this.refresher = makeRefresher(this.tryToLoad, pauseMillis);
      this.refresher.request();
    },
    beforeUnmount() {
      this.refresher.stop();
    },
    methods: {
      async tryToLoad() {
        try {
          await this.load();
          this.error = "";
        } catch (error) {
          this.error = error.message;
        }
        this.isLoaded = true;
      },
    },
  };
}

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
