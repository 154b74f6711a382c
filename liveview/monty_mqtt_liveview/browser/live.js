// The live connection of one page: opens again by itself, and keeps what came in a store that Vue watches.
import { reactive } from "vue";

export function connect(run, worker) {
  const store = reactive({ connected: false, head: null });
  const listeners = new Set();
  const batches = []; // all steps so far, for parts of the page that come later
  let socket;
  function open() {
    const query = new URLSearchParams({ run, worker });
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live?${query}`);
    socket.onopen = () => (store.connected = true);
    socket.onclose = () => {
      store.connected = false;
      setTimeout(open, 1000);
    };
    socket.onmessage = (event) => {
      const said = JSON.parse(event.data);
      if (said.run) store.head = said.run;
      if (!said.steps) return;
      batches.push(said.steps);
      listeners.forEach((listener) => listener(said.steps));
    };
  }
  open();
  function onSteps(listener) {
    batches.forEach(listener);
    listeners.add(listener);
  }
  return { store, onSteps };
}
