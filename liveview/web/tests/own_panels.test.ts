import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { panelTypesOf } from "../panel_types";
import { defaultArrangement, arrangementOf, moved, panelsIn, partsWith, textOf } from "@/layout/panels";
import { NOT_DESCRIBED, heard } from "@/own/messages";
import { ONE_OF_THEM, type Starter, type Turns, turnsOfPanels } from "@/own/turns";
import { SILENT, TOO_LOUD, watchdog } from "@/own/watchdog";

const EXAMPLES = "../../docs/panels";
const own = { lead: { title: "Lead", where: "right" }, bars: { title: "Bars", where: "below" } } as const;

describe("the operator's own panels among the page's", () => {
  test("stand last in their areas, and move and hide as the others", () => {
    const parts = partsWith(own, null);
    const usual = defaultArrangement(parts);
    expect(panelsIn(usual, "right", parts)).toEqual(["frames", "space", "closer", "lead"]);
    const order = moved(usual, "lead", -1, parts);
    expect(panelsIn({ order, hidden: [] }, "right", parts)).toEqual(["frames", "space", "lead", "closer"]);
    const arrangement = { order, hidden: ["bars"] };
    expect(arrangementOf(textOf(arrangement, parts), parts)).toEqual(arrangement);
  });

  test("that are not known yet, or not any more, change nothing", () => {
    expect(arrangementOf("lead.~bars")).toEqual(defaultArrangement());
  });
});

describe("what the operator chose to show", () => {
  const parts = partsWith(own, ["tabs", "bars", "beliefs"]);

  test("is how the page is unless somebody changes it, the rest hidden", () => {
    const { order, hidden } = defaultArrangement(parts);
    expect(order.slice(0, 3)).toEqual(["tabs", "bars", "beliefs"]);
    expect(hidden.toSorted()).toEqual(["closer", "details", "episodes", "frames", "lead", "space", "timeline"]);
    expect(textOf({ order, hidden }, parts)).toBe("");
    expect(arrangementOf(null, parts)).toEqual({ order, hidden: expect.arrayContaining(hidden) });
  });

  test("gives way to what somebody wants to see", () => {
    const usual = defaultArrangement(parts);
    const seen = { ...usual, hidden: usual.hidden.filter((panel) => panel !== "frames") };
    expect(arrangementOf(textOf(seen, parts), parts).hidden).not.toContain("frames");
  });
});

describe("what a frame says", () => {
  test("is taken as far as it is what a frame says", () => {
    expect(heard({ kind: "select", row: 7, more: 1 })).toEqual({ kind: "select", row: 7 });
    expect(heard({ kind: "described", title: "x".repeat(500), where: "left" })).toEqual({
      kind: "described",
      title: "x".repeat(80),
      where: "left",
    });
    expect(heard({ kind: "height", pixels: 1e9 })).toEqual({ kind: "height", pixels: 4000 });
  });

  test.each([
    null,
    1,
    "select",
    [],
    {},
    { kind: "constructor" },
    { kind: "__proto__" },
    { kind: ["select"], row: 1 },
    { kind: "select" },
    { kind: "select", row: -1 },
    { kind: "select", row: 1.5 },
    { kind: "select", row: "1" },
    { kind: "height", pixels: NaN },
    { kind: "ask", id: 1, what: "info" },
    { kind: "failed" },
  ])("and %j is nothing", (said) => {
    expect(heard(said)).toBeNull();
  });

  test.each([{ title: "x", where: "middle" }, { title: {}, where: "left" }, {}])(
    "and a panel that says of itself %j is told what is allowed",
    (said) => {
      expect(heard({ kind: "described", ...said })).toEqual({ kind: "failed", reason: NOT_DESCRIBED });
    },
  );
});

describe("the watchdog", () => {
  test("stops who does not answer, and not who answers late", () => {
    const dog = watchdog();
    const ticks = (count: number) => Array.from({ length: count }, () => dog.tick()).at(-1);
    expect(ticks(4)).toBe("");
    dog.answered();
    expect(ticks(4)).toBe("");
    expect(ticks(1)).toBe(SILENT);
  });

  test("stops who says too much in a second, and not who says much in ten", () => {
    const dog = watchdog();
    const say = (count: number) => Array.from({ length: count }, () => dog.said()).at(-1);
    for (let second = 0; second < 10; second++) {
      expect(say(300)).toBe("");
      dog.answered();
      dog.tick();
    }
    expect(say(301)).toBe(TOO_LOUD);
  });
});

describe("panels in one process", () => {
  const told: string[] = [];
  let silent: string[] = [];
  function panels(turns: Turns, ...names: string[]) {
    const all: Starter[] = names.map((name) => ({
      start: () => told.push(`${name} starts`),
      takeAway: () => told.push(`${name} goes`),
      stop: (reason) => told.push(`${name}: ${reason}`),
      isSilent: () => silent.includes(name),
    }));
    all.forEach(turns.enter);
    return all as [Starter, Starter];
  }
  const heardOf = () => told.splice(0);
  const later = () => vi.advanceTimersByTime(3000);

  beforeEach(() => {
    vi.useFakeTimers();
    told.length = 0;
    silent = [];
    return () => vi.useRealTimers();
  });

  test("start one after another", () => {
    const turns = turnsOfPanels();
    const [a, b] = panels(turns, "a", "b", "c");
    expect(heardOf()).toEqual(["a starts"]);
    turns.settle(a);
    turns.leave(b);
    expect(heardOf()).toEqual(["b starts", "c starts"]);
  });

  test("where one loops as it starts, it is stopped, and the others start again when its process is gone", () => {
    const turns = turnsOfPanels();
    const [a] = panels(turns, "a", "b", "c");
    turns.settle(a);
    silent = ["a", "b"];
    heardOf();
    turns.silence(a); // it happens to be noticed first
    expect(heardOf()).toEqual(["a goes", `b: ${SILENT}`]);
    later();
    expect(heardOf()).toEqual(["c starts"]);
  });

  test("that is silent alone is stopped alone", () => {
    const turns = turnsOfPanels();
    const [a, b] = panels(turns, "a", "b");
    turns.settle(a);
    turns.settle(b);
    heardOf();
    turns.silence(a);
    later();
    expect(heardOf()).toEqual([`a: ${SILENT}`]);
  });

  test("all start again where nothing says which it was, and are stopped at the second time", () => {
    const turns = turnsOfPanels();
    const both = panels(turns, "a", "b");
    both.forEach(turns.settle);
    silent = ["a", "b"];
    heardOf();
    turns.silence(both[1]);
    turns.silence(both[0]); // as both would say in the same second
    later();
    both.forEach(turns.settle);
    expect(heardOf()).toEqual(["a goes", "b goes", "a starts", "b starts"]);
    turns.silence(both[0]);
    later();
    expect(heardOf()).toEqual([`a: ${ONE_OF_THEM}`, `b: ${ONE_OF_THEM}`]);
  });
});

describe("the published types", () => {
  const published = panelTypesOf(
    readFileSync("src/own/panel.ts", "utf8"),
    readFileSync("src/server/openapi.ts", "utf8"),
  );

  /** What the compiler says of panels, by the name of their file. */
  function errorsOf(panels: Record<string, string>): Record<string, string[]> {
    const folder = mkdtempSync(join(tmpdir(), "panel-"));
    writeFileSync(join(folder, "panel.d.ts"), published);
    for (const [name, text] of Object.entries(panels)) {
      const typed = text.replace(/export default (\{[^]*\});/, "const panel = $1;\nexport default panel;");
      writeFileSync(join(folder, name), typed.replace("const panel", '/** @type {import("./panel").Panel} */\n$&'));
    }
    const lib = ["lib.es2023.d.ts", "lib.dom.d.ts"];
    const options = {
      allowJs: true,
      checkJs: true,
      strict: true,
      noEmit: true,
      skipDefaultLibCheck: true,
      types: [],
      lib,
    };
    const files = ["panel.d.ts", ...Object.keys(panels)];
    const program = ts.createProgram(
      files.map((name) => join(folder, name)),
      { ...options, target: ts.ScriptTarget.ES2022 },
    );
    const said = ts.getPreEmitDiagnostics(program);
    const of = (name: string) => said.filter(({ file }) => file?.fileName.endsWith(`/${name}`));
    const words = ({ messageText }: ts.Diagnostic) => ts.flattenDiagnosticMessageText(messageText, " ");
    return Object.fromEntries(files.map((name) => [name, of(name).map(words)]));
  }

  test("stand alone, and are those of what the page answers", () => {
    expect(published).not.toMatch(/import |components\[/);
    for (const name of ["Panel", "Run", "StepColumns", "ModuleColumns", "Info"])
      expect(published).toMatch(new RegExp(`^export interface ${name} \\{$`, "m"));
  });

  test("fit the examples, and no panel that asks for what there is not", { timeout: 60_000 }, () => {
    const examples = Object.fromEntries(
      readdirSync(EXAMPLES).map((name) => [name, readFileSync(join(EXAMPLES, name), "utf8")]),
    );
    const wrong = 'export default { title: "x", where: "left", mount(element, run) { run.frames(); } };';
    const { "wrong.js": ofWrong, ...others } = errorsOf({ ...examples, "wrong.js": wrong });
    expect(others).toEqual({
      "panel.d.ts": [],
      ...Object.fromEntries(Object.keys(examples).map((name) => [name, []])),
    });
    expect(ofWrong).toEqual(["Property 'frames' does not exist on type 'Run'."]);
  });
});
