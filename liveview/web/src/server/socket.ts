// A WebSocket that opens again by itself: after a restart of the server, a sleep of the machine, a change of network,
// and where a connection stays open that passes nothing.
import { noteHere, SILENT_MILLIS } from "@/server/silence";

const RETRY_MILLIS = [250, 500, 1000, 2000];
const CHECK_MILLIS = 500;
const GIVE_UP_MILLIS = 10000; // after this much silence another connection is tried, as often
const WAKE_MILLIS = 5000; // after this much, a page that comes to the front does not wait
const BUSY_MILLIS = 100; // so long, what came while this page was busy is waited for

interface Listener<Message> {
  onMessage: (said: Message) => void;
  onConnected: (connected: boolean) => void;
}

let heardAt = performance.now(); // by any connection: who opens another one heard nothing meanwhile

/**
 * Listen at an address until `close()`.
 *
 * address: called at each opening; says what the browser already has.
 * onMessage: gets what came, parsed. onConnected: gets whether the server answers.
 */
export function listen<Message>(
  address: () => string,
  { onMessage, onConnected }: Listener<Message>,
): { close: () => void } {
  let socket: WebSocket | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let isClosed = false;
  let triedAt = performance.now();
  let checkedAt = triedAt;

  function hear() {
    heardAt = performance.now();
    noteHere(null);
  }

  function open() {
    clearTimeout(retry);
    triedAt = performance.now();
    const opened = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${address()}`);
    socket = opened;
    opened.onopen = () => {
      if (opened !== socket) return;
      failures = 0;
      hear();
      onConnected(true);
    };
    opened.onmessage = (event) => {
      if (opened !== socket) return;
      hear();
      onMessage(JSON.parse(event.data));
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
    onConnected(false);
    open();
  }

  function check() {
    const wasBusy = performance.now() - checkedAt > 2 * CHECK_MILLIS; // then it may be this page that did not listen
    checkedAt = performance.now();
    if (wasBusy) setTimeout(judge, BUSY_MILLIS);
    else judge();
  }

  function judge() {
    const now = performance.now();
    if (isClosed) return;
    if (now - heardAt > SILENT_MILLIS) noteHere(Date.now() - (now - heardAt));
    if (now - Math.max(heardAt, triedAt) > GIVE_UP_MILLIS) reopen();
  }

  function wake() {
    if (document.visibilityState !== "visible") return;
    const isOpen = socket?.readyState === WebSocket.OPEN;
    if (!isOpen || performance.now() - heardAt > WAKE_MILLIS) reopen();
  }

  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  const checking = setInterval(check, CHECK_MILLIS);
  open();
  return {
    close() {
      isClosed = true;
      clearTimeout(retry);
      clearInterval(checking);
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", wake);
      socket?.close();
    },
  };
}
