// How far the most likely object of each learning module leads over the second one, at the step that the page shows.
export default {
  title: "Lead over the second",
  where: "right",
  mount(element, run) {
    async function draw() {
      const row = run.selected?.row;
      if (row === undefined) return;
      const { learning_modules: modules } = await run.moment(row);
      if (row !== run.selected?.row) return; // the page has gone on meanwhile
      const lines = Object.entries(modules).map(([module, { most_likely: likely, margin, is_correct: isCorrect }]) => {
        const line = document.createElement("div");
        line.textContent = `${module}: ${likely?.object ?? "nothing"}, ${margin?.toFixed(2) ?? "no"} ahead`;
        line.style.color = isCorrect ? "var(--good)" : "var(--bad)";
        return line;
      });
      element.replaceChildren(...lines);
    }
    run.on("selected", draw);
    return draw();
  },
};
