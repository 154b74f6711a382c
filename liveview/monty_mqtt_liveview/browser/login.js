// Asks for the password that allows commands.
import Dialog from "monty-liveview/dialog.js";
import { login, session } from "monty-liveview/session.js";

export default {
  components: { Dialog },
  props: { open: Boolean },
  emits: ["close", "in"],
  data: () => ({ session, password: "", refused: "" }),
  methods: {
    async send() {
      try {
        await login(this.password);
        this.$emit("in");
        this.$emit("close");
      } catch (error) {
        this.refused = error.message;
      } finally {
        this.password = "";
      }
    },
  },
  template: `
    <Dialog :open="open" label="Log in" @close="refused = ''; $emit('close')">
      <form class="stack" method="dialog" @submit.prevent="send">
        <h2 class="dialog-title">Log in to command runs</h2>
        <p v-if="session.password_file">The password is in the file <span class="mono">{{ session.password_file }}</span>
          of the page's machine.</p>
        <label class="stack-tight">Password
          <input class="field" type="password" v-model="password" autocomplete="current-password" autofocus required />
        </label>
        <p v-if="refused" class="bad" role="alert">{{ refused }}</p>
        <div class="row"><span class="grow"></span>
          <button type="button" class="btn" @click="$emit('close')">Cancel</button>
          <button type="submit" class="btn primary">Log in</button></div>
      </form>
    </Dialog>
  `,
};
