import { expect, test } from "vitest";
import { commonGroup, overrideColumns, searchable } from "@/runs/groups";

const job = (run: string, overrides: Record<string, string>) => ({ run, group: "sweep", overrides });

test("jobs of one sweep are a group; with another run they are none", () => {
  const jobs = [job("a", {}), job("b", {})];
  expect(commonGroup(jobs)).toBe("sweep");
  expect(commonGroup([...jobs, { run: "c" }])).toBeNull();
  expect(commonGroup([{ run: "c" }])).toBeNull();
});

test("a column for each override that differs, called by the end of its key that tells it from the others", () => {
  const jobs = [
    job("a", { "lm.0.tolerance": "1", "lm.1.tolerance": "1", seed: "7", same: "x" }),
    job("b", { "lm.0.tolerance": "2", "lm.1.tolerance": "3", seed: "8", same: "x" }),
  ];
  expect(overrideColumns(jobs).map((column) => column.label)).toEqual(["0.tolerance", "1.tolerance", "seed"]);
  expect(overrideColumns(jobs)[2]?.value({ run: "c" })).toBe("");
});

test("a search finds a run by what was overridden", () => {
  expect(searchable({ run: "A", overrides: { Seed: "7" } })).toBe("a seed=7");
});
