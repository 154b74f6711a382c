import { expect, test } from "vitest";
import { escape, escaped, queryText, refusalIn, runAddress, workerPath } from "@/server/api";

test.each([
  ["", "%"],
  ["a/b.c", "a%2Fb%2Ec"],
  ["50 %", "50%20%25"],
  ["\ud800", "%ED%A0%80"],
  ["😀", "😀"],
])("%j is the topic level %s", (name, level) => {
  expect(escaped(name)).toBe(level);
});

test("in an address the level is escaped once more", () => {
  expect(escape("a/b")).toBe("a%252Fb");
  expect(runAddress("a b", { worker: "main", step: null })).toBe("/run/a%2520b?worker=main");
  expect(workerPath("r", "w", "steps", { first: 0 })).toBe("/api/run/r/worker/w/steps?first=0");
  expect(queryText({ a: "", b: undefined })).toBe("");
  expect(queryText({ name: ["a&b", "c"], most: 2 })).toBe("?name=a%26b&name=c&most=2");
});

test("a refusal says why in the server's own words, where it has any", async () => {
  const refused = await refusalIn(new Response('{"error": "no such medium"}', { status: 404 }));
  expect([refused.status, refused.message]).toEqual([404, "no such medium"]);
  const silent = await refusalIn(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
  expect(silent.message).toBe("502 Bad Gateway");
});
