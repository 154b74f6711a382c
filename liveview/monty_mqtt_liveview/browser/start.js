// The page begins: the address says which view, `page.js` shows it.
import { createApp } from "vue";
import MontyPage from "monty-liveview/page.js";

const element = document.getElementById("app");
const { view, run } = element.dataset;
createApp(MontyPage, { view, run }).mount(element);
