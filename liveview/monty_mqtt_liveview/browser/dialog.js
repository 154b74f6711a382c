// A modal dialog of the browser's own: it traps the keyboard and closes on Escape by itself.
export default {
  props: { open: Boolean, label: String },
  emits: ["close"],
  watch: {
    open: {
      flush: "post",
      handler() {
        if (this.open) this.$el.showModal();
        else this.$el.close();
      },
    },
  },
  template: `<dialog class="dialog" :aria-label="label" @close="$emit('close')"><slot v-if="open" /></dialog>`,
};
