// The time, once a second, for everything that says how long ago something was; it stands still while nothing is heard.
import { computed, ref } from "vue";
import { silentSince } from "@/server/silence";

const ticking = ref(Date.now());

export const now = computed(() => silentSince.value ?? ticking.value);

setInterval(() => {
  if (document.visibilityState === "visible") ticking.value = Date.now();
}, 1000);
