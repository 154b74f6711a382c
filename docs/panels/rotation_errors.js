// A bar for each episode, as high as its rotation error of 0 to 180 degrees; a click goes to the episode.
export default {
  title: "Rotation error, episode by episode",
  where: "below",
  mount(element, run) {
    element.style.cssText = "display: flex; align-items: end; gap: 2px; height: 90px";
    async function draw() {
      const episodes = await run.episodes();
      const bars = episodes.map(({ mode, episode, rotation_error_degs: error, first_row: row }) => {
        const bar = document.createElement("button");
        bar.title = `${mode} ${episode}: ${error === null ? "no rotation" : `${error.toFixed(0)}°`}`;
        bar.style.cssText = `flex: 1; padding: 0; border: 0; height: ${2 + ((error ?? 0) / 180) * 98}%`;
        bar.style.background = error === null ? "var(--line)" : "var(--accent)";
        bar.onclick = () => run.select(row);
        return bar;
      });
      element.replaceChildren(...bars);
    }
    run.on("episodes", draw);
    return draw();
  },
};
