import { expect, test } from "vitest";
import type { MachineHead } from "@/server/openapi";
import { gaugesOf, newestOfHosts, OF_PROCESS, shareOf, spanOf, toldIn, useOption } from "@/tabs/machine_use";

const silent: MachineHead = {
  worker: "main",
  host: null,
  time_unix_millis: 1,
  cpu_percent: null,
  memory_bytes: null,
  threads: null,
  gpu_memory_bytes: null,
  load: null,
  cpus: null,
  gpu_percent: null,
  disk_free_bytes: null,
  disk_total_bytes: null,
};

test("of each host the newest report counts", () => {
  const heads = [
    { ...silent, host: "a", time_unix_millis: 5, load: 1 },
    { ...silent, host: "a", time_unix_millis: 9, load: 2 },
    { ...silent, host: null, load: 3 },
  ];
  expect(newestOfHosts(heads).map(({ host, load }) => [host, load])).toEqual([
    ["a", 2],
    [null, 3],
  ]);
});

test("only what was told is shown", () => {
  expect(gaugesOf(silent)).toEqual([]);
  expect(toldIn([silent, { ...silent, threads: 0 }], OF_PROCESS).map(({ name }) => name)).toEqual(["threads"]);
});

test("a host's load and disk are bars with their words", () => {
  const head = { ...silent, load: 2, cpus: 8, disk_free_bytes: 2 ** 30, disk_total_bytes: 2 ** 32, gpu_percent: 50 };
  expect(gaugesOf(head)).toEqual([
    { label: "load", words: "load 2 of 8 processors", share: 0.25 },
    { label: "GPUs", words: "GPUs 50 % busy", share: 0.5 },
    { label: "disk", words: "disk: 1 GiB free of 4 GiB", share: 0.75 },
  ]);
});

test.each([
  [1, 0, null],
  [1, -4, null],
  [null, 4, null],
  [9, 4, 1],
  [-9, 4, 0],
  [1e300, 1, 1],
])("%j of %j is the share %j", (part, whole, share) => {
  expect(shareOf(part, whole)).toBe(share);
});

test("bytes are drawn in the unit in which their axis has round numbers", () => {
  const course = { times_unix_millis: [1, 2], values: [2 ** 30, 3 * 2 ** 30], is_whole: true };
  const field = OF_PROCESS.find(({ name }) => name === "memory_bytes") as (typeof OF_PROCESS)[number];
  const option = useOption(field, course, [1, 2], { accent: "blue", warn: "red" });
  expect(option.series.find(({ id }) => id === "values")?.data).toEqual([
    [1, 1],
    [2, 3],
  ]);
  expect(option.yAxis[0]?.axisLabel?.formatter(2.5)).toBe("2.5 GiB");
});

test("every chart of a worker covers the same time", () => {
  const courses = {
    load: { times_unix_millis: [10, 20], values: [1, 2], is_whole: true },
    threads: { times_unix_millis: [15], values: [3], is_whole: true },
    cpus: { times_unix_millis: [], values: [], is_whole: true },
  };
  expect(spanOf(courses)).toEqual([10, 20]);
  const [field] = OF_PROCESS as [(typeof OF_PROCESS)[number]];
  const option = useOption(field, courses.load, spanOf(courses), { accent: "blue", warn: "red" });
  expect([option.xAxis.min, option.xAxis.max]).toEqual([10, 20]);
  expect(option.series.find(({ id }) => id === "values")?.data).toEqual([
    [10, 1],
    [20, 2],
  ]);
});
