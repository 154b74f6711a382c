// A JSON value as it is, as a tree; deep and long parts are drawn when they are opened, and never all of a huge one.
const MOST_CHILDREN = 100;
const LONGEST = 2000;
const OPEN_DEPTH = 1;

export const JsonTree = {
  name: "JsonTree",
  props: { name: String, value: null, depth: { type: Number, default: 0 } },
  data() {
    return { isOpen: this.depth < OPEN_DEPTH };
  },
  computed: {
    isBranch() {
      return this.value !== null && typeof this.value === "object";
    },
    size() {
      return Array.isArray(this.value) ? this.value.length : Object.keys(this.value).length;
    },
    summary() {
      return Array.isArray(this.value) ? `[${this.size}]` : `{${this.size}}`;
    },
    children() {
      return Object.entries(this.value).slice(0, MOST_CHILDREN);
    },
    left() {
      return this.size - MOST_CHILDREN;
    },
    text() {
      const said = JSON.stringify(this.value) ?? "";
      return said.length > LONGEST ? `${said.slice(0, LONGEST)}… (${said.length} characters)` : said;
    },
  },
  template: `
    <details v-if="isBranch" class="tree" :open="isOpen" @toggle.stop="isOpen = $event.target.open">
      <summary><span class="tree-name">{{ name }}</span> <span class="muted">{{ summary }}</span></summary>
      <template v-if="isOpen">
        <JsonTree v-for="[key, child] in children" :key="key" :name="key" :value="child" :depth="depth + 1" />
        <div v-if="left > 0" class="muted tree-leaf">… {{ left }} more</div>
      </template>
    </details>
    <div v-else class="tree-leaf"><span class="tree-name">{{ name }}</span> <span class="tree-value">{{ text }}</span></div>
  `,
};
