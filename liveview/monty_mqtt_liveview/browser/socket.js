// A WebSocket that opens again by itself: after a restart of the server, a sleep of the machine, a change of network.
const RETRY_MILLIS = [250, 500, 1000, 2000];
const SILENT_MILLIS = 15000; // after this much silence, a page that comes to the front does not trust its socket

/**
 * Listen at an address until `close()`.
 *
 * address: called at each opening; says what the browser already has.
 * onMessage: gets what came, parsed. onConnected: gets whether the server answers.
 */
export function listen(address, { onMessage, onConnected }) {
  let socket = null;
  let retry = null;
  let failures = 0;
  let isClosed = false;
  let heardAt = performance.now();

  function open() {
    clearTimeout(retry);
    const opened = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${address()}`);
    socket = opened;
    opened.onopen = () => {
      failures = 0;
      heardAt = performance.now();
      onConnected(true);
    };
    opened.onmessage = (event) => {
      heardAt = performance.now();
      if (opened === socket) onMessage(JSON.parse(event.data));
    };
    opened.onclose = () => {
      if (opened !== socket || isClosed) return;
      onConnected(false);
      retry = setTimeout(open, RETRY_MILLIS[Math.min(failures++, RETRY_MILLIS.length - 1)]);
    };
  }

  function reopen() {
    const stale = socket;
    socket = null;
    stale?.close();
    open();
  }

  function wake() {
    if (document.visibilityState !== "visible") return;
    const isOpen = socket?.readyState === WebSocket.OPEN;
    if (!isOpen || performance.now() - heardAt > SILENT_MILLIS) reopen();
  }

  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  open();
  return {
    reopen,
    close() {
      isClosed = true;
      clearTimeout(retry);
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", wake);
      socket?.close();
    },
  };
}
