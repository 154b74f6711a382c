import { expect, test } from "vitest";
import { failureOf } from "@/runs/failure";

const modes = { eval: { outcomes: { correct: 2, time_out: 1, confused: 2 } } };

test("a worker that broke has failed, whether or not it says of what", () => {
  const error = { type: "ValueError", message: null, traceback: null };
  expect(failureOf({ status: "error", modes: {}, error })).toBe("ValueError");
  expect(failureOf({ status: "error", modes: {}, error: { ...error, type: null } })).toBe("error");
});

test("otherwise its episodes say whether it has", () => {
  expect(failureOf({ status: "running", modes, error: null })).toBe("confused 2 in evaluation, time_out in evaluation");
  expect(failureOf({ status: "completed", modes: {}, error: null })).toBe("");
  expect(failureOf({ status: "disconnected", modes: {}, error: null })).toBe("disconnected");
});
