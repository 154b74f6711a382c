// The page begins: the address says which view, `page.js` shows it.
import { createApp } from "vue";
import MontyPage from "monty-liveview/page.js";

const element = document.getElementById("app");
const { view, run } = element.dataset;
const app = createApp({
  components: { MontyPage },
  data: () => ({ view, run }),
  template: `
    <q-layout view="hHh lpR fFf">
      <q-page-container>
        <q-page class="nicegui-content"><MontyPage :view="view" :run="run" /></q-page>
      </q-page-container>
    </q-layout>
  `,
});
app.use(Quasar, { config: { dark: "auto" } });
app.mount(element);
