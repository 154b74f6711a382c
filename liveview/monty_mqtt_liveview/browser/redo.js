// The command line that repeats an episode, or all that failed, with detailed logging; to be copied.
import { api, escaped, runPath } from "monty-liveview/api.js";

export default {
  props: { live: Object, selection: Object },
  data: () => ({ ofAll: false, said: null, failed: "", copied: false }),
  methods: {
    async open() {
      this.$refs.dialog.showModal();
      await this.bring();
    },
    async choose(ofAll) {
      this.ofAll = ofAll;
      await this.bring();
    },
    async bring() {
      const { mode, episode } = this.selection;
      const which = this.ofAll ? {} : { mode, episode };
      this.copied = false;
      try {
        this.said = await api(runPath(this.live.run, "redo", { worker: escaped(this.live.worker), ...which }));
        this.failed = "";
      } catch (error) {
        this.said = null;
        this.failed = error.message;
      }
    },
    async copy() {
      try {
        await navigator.clipboard.writeText(this.said.command);
        this.copied = true;
      } catch {
        getSelection().selectAllChildren(this.$refs.command); // no right to the clipboard: it is one key away
        this.copied = document.execCommand("copy");
      }
    },
  },
  template: `
    <button type="button" class="btn small redo-open" data-testid="redo" :disabled="selection.episode === null" @click="open">Redo…</button>
    <dialog ref="dialog" class="dialog redo" aria-labelledby="redo-title" data-testid="redo-dialog">
      <h2 id="redo-title">Do it again, with detailed logging</h2>
      <div class="row" role="group" aria-label="Which episodes">
        <button type="button" class="btn small" :aria-pressed="!ofAll" data-testid="redo-one" @click="choose(false)">{{ selection.mode }} episode {{ selection.episode }}</button>
        <button type="button" class="btn small" :aria-pressed="ofAll" data-testid="redo-failed" @click="choose(true)">all failed episodes</button>
      </div>
      <p v-if="failed" class="bad" role="alert">{{ failed }}</p>
      <template v-if="said && said.command">
        <pre ref="command" class="code wrapped" tabindex="0" data-testid="redo-command">{{ said.command }}</pre>
      </template>
      <p v-if="said && said.note" class="muted" data-testid="redo-note">{{ said.note }}</p>
      <p v-if="said === null && !failed" class="muted">…</p>
      <div class="row">
        <button type="button" class="btn primary" :disabled="!said || !said.command" data-testid="redo-copy" @click="copy">{{ copied ? "Copied" : "Copy" }}</button>
        <button type="button" class="btn" @click="$refs.dialog.close()">Close</button>
      </div>
    </dialog>
  `,
};
