import { afterEach, expect, test, vi } from "vitest";
import { pointsOf, spanOf, sparklinesOf } from "@/evidence/sparkline";

const episode = (number: number, last: number, first = 10 * number) => ({
  mode: "eval",
  episode: number,
  first_row: first,
  last_row: last,
});

/** A server that answers with the number of its request. */
function server() {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(new URL(address, "http://x").searchParams.get("stretches") ?? "");
    const answer = asked
      .at(-1)
      ?.split(",")
      .map(() => ({ target: [asked.length], other: [] }));
    return { ok: true, json: async () => answer };
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("only what is not known is asked for, at once", async () => {
  const asked = server();
  const lines = sparklinesOf({ run: "r", worker: "main" });
  await lines.bring([episode(0, 9), episode(1, 15), episode(2, -1, -1)]);
  expect(asked).toEqual(["0-9,10-15"]);
  await lines.bring([episode(0, 9), episode(1, 19)]);
  expect(asked).toEqual(["0-9,10-15", "10-19"]);
  expect(lines.of(episode(1, 99))?.target).toEqual([2]); // the latest that is known, until a newer one has come
  await lines.bring([episode(0, 9)]);
  expect(asked.length).toBe(2);
});

test("a server that does not answer is asked again", async () => {
  const lines = sparklinesOf({ run: "r", worker: "main" });
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("no server")));
  await lines.bring([episode(0, 9)]);
  expect(lines.of(episode(0, 9))).toBeUndefined();
  server();
  await lines.bring([episode(0, 9)]);
  expect(lines.of(episode(0, 9))?.target).toEqual([1]);
});

test("both courses share a scale, and gaps are left out", () => {
  expect(spanOf({ target: [null, 2, 4], other: [1, null, 3] })).toEqual([1, 4]);
  expect(spanOf({ target: [null], other: [] })).toBeNull();
  expect(pointsOf([1, null, 4], [1, 4], 100, 30)).toBe("0,30 100,0");
  expect(pointsOf([2, 2], [2, 2], 100, 30)).toBe("0,30 100,30");
  expect(pointsOf([], [0, 1], 100, 30)).toBe("");
});
