// The operator's own panels of a run's page: their code, what each says that it is, and why one was stopped.
import { reactive } from "vue";
import { api, Refused, runPath } from "@/server/api";
import type { Layout } from "@/layout/layout";
import type { OwnPart } from "@/layout/panels";
import { turnsOfPanels } from "@/own/turns";

const NOT_FOUND = 404;

/** Whether there is anything to ask for: most pages have nothing beside them, and a request less. */
const isAnythingThere = () => document.getElementById("app")?.dataset.beside === "true";

/** The panels of a run's page, which become parts of its layout as soon as they have said what they are. */
export type OwnPanels = ReturnType<typeof ownPanelsOf>;

/** Bring what the operator arranged for a run; `bring` again as long as the run is not known. */
export function ownPanelsOf(run: string, layout: Layout) {
  const state = reactive({
    sources: {} as Record<string, string>,
    failed: {} as Record<string, string>,
    problems: [] as string[],
  });
  let isBrought = false;

  async function bring(): Promise<void> {
    if (isBrought || !isAnythingThere()) return;
    isBrought = true;
    try {
      const { own, panels, metrics, problems } = await api(runPath(run, "panels"));
      layout.preset({ panels, metrics });
      state.sources = Object.fromEntries(own.map(({ name, source }) => [name, source]));
      state.problems = problems;
    } catch (error) {
      isBrought = false;
      if (!(error instanceof Refused && error.status === NOT_FOUND))
        state.problems = [`Panels of your own cannot be shown: ${(error as Error).message}`];
    }
  }

  void bring();
  return {
    state,
    turns: turnsOfPanels(),
    bring,
    /** Names of those that have not said yet what they are. */
    unknown: () => Object.keys(state.sources).filter((name) => !layout.isOwn(name)),
    describe: (name: string, part: OwnPart) => layout.add(name, part),
    fail(name: string, reason: string) {
      state.failed[name] = reason;
      if (!layout.isOwn(name)) layout.add(name, { title: `${name}.js`, where: "below" });
    },
  };
}
