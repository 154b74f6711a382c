import { expect, test } from "vitest";
import { majority } from "@/steps/belief_at";

test("most learning modules decide, and a tie is none", () => {
  expect(majority(["mug", "mug", "cup", null])).toEqual({ object: "mug", votes: 2, of: 4, tied: false });
  expect(majority(["mug", "cup"])).toMatchObject({ object: null, votes: 1, tied: true });
  expect(majority([null, null])).toEqual({ object: null, votes: 0, of: 2, tied: false });
});
