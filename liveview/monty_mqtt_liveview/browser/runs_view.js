// Every run the page knows.
export default {
  data: () => ({ runs: [] }),
  async mounted() {
    this.runs = await (await fetch("/api/runs")).json();
  },
  template: `
    <ul><li v-for="one in runs" :key="one.run"><a :href="'/run/' + encodeURIComponent(one.run)">{{ one.run }}</a></li></ul>
  `,
};
