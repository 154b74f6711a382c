import { expect, test, vi } from "vitest";
import { axisStretch } from "@/metrics/axis_stretch";

test("shows all there is until somebody zooms, and never more than that", () => {
  const onChange = vi.fn();
  const stretch = axisStretch(onChange);
  stretch.grow(0, 100);
  expect(stretch.ends()).toEqual([0, 100]);
  stretch.grow(0, 200);
  expect(stretch.ends()).toEqual([0, 200]);
  expect(onChange).not.toHaveBeenCalled();
  stretch.zoom(0.5);
  stretch.grow(0, 400);
  expect([stretch.ends(), stretch.view.isWhole]).toEqual([[50, 150], false]);
  stretch.zoom(1e9);
  expect([stretch.ends(), stretch.view.isWhole]).toEqual([[0, 400], true]);
});

test("on another axis it begins anew", () => {
  const stretch = axisStretch(() => {});
  stretch.grow(0, 1e12);
  stretch.zoom(0.001);
  stretch.reset();
  stretch.grow(-5, 5);
  expect([stretch.ends(), stretch.view.isWhole]).toEqual([[-5, 5], true]);
});

test("one place alone has a width", () => {
  const stretch = axisStretch(() => {});
  stretch.grow(7, 7);
  const [first, last] = stretch.ends();
  expect(last).toBeGreaterThan(first);
});
