import { expect, test } from "vitest";
import { wilson } from "@/look/confidence";

// Expected: scipy.stats.binomtest(successes, of).proportion_ci(method="wilson"), to three digits.
test.each([
  [11, 12, 0.646, 0.985],
  [0, 10, 0, 0.278],
  [10, 10, 0.722, 1],
  [1, 1, 0.207, 1],
  [50, 100, 0.404, 0.596],
])("%d of %d", (successes, of, low, high) => {
  const [from, to] = wilson(successes, of);
  expect(from).toBeCloseTo(low, 3);
  expect(to).toBeCloseTo(high, 3);
});
