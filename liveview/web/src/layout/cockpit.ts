// Whether all of a step fits into the window: then its parts share the first screen, else they stand below each other.
import { ref } from "vue";

const ROOM = "screen and (min-width: 1200px) and (min-height: 700px)";

const room = matchMedia(ROOM);
const fits = ref(room.matches);
room.addEventListener("change", () => (fits.value = room.matches));

/** Whether the window has room for the cockpit. Reactive. */
export const isCockpit = () => fits.value;
