// Publishes the types of a panel of one's own as one file, with all that they name of the page's answers.
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const IMPORT = /^import type \{([^}]*)\} from "@\/server\/openapi";$/m;
const NAMED = /components\["schemas"\]\["(\w+)"\]/g;

/** The text of `panel.d.ts`: `panel` with what it imports of `answers`, and what that names in turn. */
export function panelTypesOf(panel: string, answers: string): string {
  const wanted = (IMPORT.exec(panel)?.[1] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  const known = new Map<string, string>();
  for (let name = wanted.shift(); name; name = wanted.shift()) {
    if (known.has(name)) continue;
    const found = new RegExp(`^ {8}${name}: \\{\\n[^]*?^ {8}\\};`, "m").exec(answers);
    if (!found) throw new Error(`openapi.ts describes no ${name}`);
    wanted.push(...[...found[0].matchAll(NAMED)].map(([, other]) => other as string));
    const shape = found[0].replaceAll(NAMED, "$1").replaceAll(/^ {8}/gm, "");
    known.set(name, shape.replace(`${name}: {`, `export interface ${name} {`).replace(/;$/, ""));
  }
  const names = [...known.keys()].toSorted();
  return [panel.replace(IMPORT, "").trim(), ...names.map((name) => known.get(name)), ""].join("\n\n");
}

export function panelTypes(): Plugin {
  return {
    name: "panel-types",
    apply: "build",
    generateBundle() {
      const source = panelTypesOf(
        readFileSync("src/own/panel.ts", "utf8"),
        readFileSync("src/server/openapi.ts", "utf8"),
      );
      this.emitFile({ type: "asset", fileName: "panel.d.ts", source });
    },
  };
}
