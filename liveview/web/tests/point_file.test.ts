import { expect, test } from "vitest";
import { pointsIn, seen } from "@/media/point_file";

const HEADER = [
  "ply",
  "format binary_little_endian 1.0",
  'comment monty_mqtt {"name":"<b>é"}',
  "element vertex 2",
  ..."xyz".split("").map((axis) => `property float ${axis}`),
  ...["red", "green", "blue"].map((part) => `property uchar ${part}`),
  "property float size",
  "end_header",
  "",
].join("\n");

function fileOf(points: { place: number[]; colour: number[]; size: number }[]): ArrayBuffer {
  const head = new TextEncoder().encode(HEADER);
  const file = new ArrayBuffer(head.length + 19 * points.length);
  new Uint8Array(file).set(head);
  const view = new DataView(file, head.length);
  points.forEach(({ place, colour, size }, at) => {
    place.forEach((part, axis) => view.setFloat32(19 * at + 4 * axis, part, true));
    colour.forEach((part, axis) => view.setUint8(19 * at + 12 + axis, part));
    view.setFloat32(19 * at + 15, size, true);
  });
  return file;
}

const FILE = fileOf([
  { place: [0, 0, 0], colour: [255, 0, 0], size: 1 },
  { place: [1, 2, NaN], colour: [0, 255, 7], size: 2.5 },
]);

test("a file has places, colours and sizes", () => {
  const points = pointsIn(FILE);
  expect(points.count).toBe(2);
  expect([...points.places]).toEqual([0, 0, 0, 1, 2, NaN]);
  expect(points.colours).toEqual(["rgb(255 0 0 / 1.000)", "rgb(0 255 7 / 1.000)"]);
  expect([...(points.sizes ?? [])]).toEqual([1, 2.5]);
});

test.each([new ArrayBuffer(0), FILE.slice(0, FILE.byteLength - 1), new TextEncoder().encode("ply\n").buffer])(
  "what is no such file, or is cut off, is an error",
  (file) => {
    expect(() => pointsIn(file as ArrayBuffer)).toThrow("cannot be read");
  },
);

test("points are drawn from far to near, within the picture, and those that are nowhere are not", () => {
  const corners = [0, 1].flatMap((x) => [0, 1].flatMap((y) => [0, 1].map((z) => [x, y, z])));
  const places = Float32Array.from([...corners.flat(), NaN, 0, 0]);
  const found = seen(places, 0.7, 0.4);
  expect(found.length).toBe(8);
  for (const { x, y } of found) {
    expect(x).toBeGreaterThan(0);
    expect(x).toBeLessThan(1);
    expect(y).toBeGreaterThan(0);
    expect(y).toBeLessThan(1);
  }
  expect(seen(Float32Array.from([0, 0, 5, 0, 0, 1]), 0, 0).map(({ place }) => place)).toEqual([1, 0]);
});
