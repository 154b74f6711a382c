// The time, once a second, for everything that says how long ago something was.
import { ref } from "vue";

export const now = ref(Date.now());

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1000);
