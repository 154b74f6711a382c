// The page begins: the address says which view, `page.vue` shows it.
import { createApp } from "vue";
import MontyPage from "@/shell/page.vue";
// What views share comes with this file: a request less for each.
import "@/runs/accuracy.vue";
import "@/look/progress_bar.vue";
import "@/look/run_numbers";
import "@/look/status_chip.vue";
import "@/look/tab_icon";
import "@/server/live";
import "@/shell/page.css";
import "@/shell/pieces.css";
import "@/runs/views.css";
import "@/media/media.css";
import "@/graphs/graphs.css";
import "@/tabs/tabs.css";
import "@/run/run.css";
import "@/evidence/evidence.css";
import "@/senses/senses.css";
import "@/layout/layout.css";
import "@/layout/cockpit.css";
import "@/own/own.css";

const element = document.getElementById("app") as HTMLElement;
const { view, run, name } = element.dataset;
createApp(MontyPage, { view, run, name }).mount(element);
