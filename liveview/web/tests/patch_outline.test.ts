import { expect, test } from "vitest";
import { type Camera, type Seen, outlineIn } from "@/senses/patch_outline";

const FORWARD = [0, 0, 0, 1];
const HALF = Math.SQRT1_2;

/** An image of a camera that stands at the origin and sees 90 degrees, unless it is said otherwise. */
function seen(camera: Partial<Camera> | null = {}, image: Partial<Seen> = {}): Seen {
  const whole = { location: [0, 0, 0], rotation: FORWARD, field_of_view_degs: 90, centre_metres: 2, ...camera };
  return { episode: 0, step: 3, width: 64, height: 64, camera: camera && whole, ...image };
}

const NARROW = (360 * Math.atan(0.5)) / Math.PI; // half as much at the same distance
const rounded = (points: unknown) =>
  JSON.parse(JSON.stringify(points), (_, v) => (v === Number(v) ? +v.toFixed(6) + 0 : v));

test("a patch in the same place lies in the middle, as large as its view", () => {
  const corners = outlineIn(seen(), seen({ field_of_view_degs: NARROW }));
  expect(rounded(corners)).toEqual([
    [0.25, 0.25],
    [0.75, 0.25],
    [0.75, 0.75],
    [0.25, 0.75],
  ]);
});

test("of images that are not square each has its own height", () => {
  const wide = { width: 200, height: 100 };
  const corners = outlineIn(seen({}, wide), seen({ field_of_view_degs: NARROW }));
  expect(rounded(corners)).toEqual([
    [0.25, 0],
    [0.75, 0],
    [0.75, 1],
    [0.25, 1],
  ]);
});

test("beside the picture's camera it lies where that sees its middle", () => {
  const right = seen({ field_of_view_degs: NARROW, location: [1, 0.5, 0] });
  const corners = outlineIn(seen(), right);
  expect(rounded(corners?.[0])).toEqual([0.5, 0.125]);
  expect(rounded(corners?.[2])).toEqual([1, 0.625]);
  const farther = seen({ field_of_view_degs: NARROW, location: [1, 0.5, 0], centre_metres: 4 });
  expect(rounded(outlineIn(seen(), farther)?.[0])).toEqual([0.375, 0.1875]);
});

test("both are turned as one", () => {
  const rotation = [HALF, 0, 0, HALF]; // looks up
  const corners = outlineIn(seen({ rotation }), seen({ rotation, field_of_view_degs: NARROW, location: [0, 0, -0.5] }));
  expect(rounded(corners?.[0])).toEqual([0.25, 0.375]); // its image has +z above
});

test("what looks elsewhere is not in the picture", () => {
  expect(outlineIn(seen(), seen({ field_of_view_degs: NARROW, rotation: [0, 1, 0, 0] }))).toBeNull(); // behind
  expect(outlineIn(seen(), seen({ field_of_view_degs: NARROW, location: [9, 0, 0] }))).toBeNull(); // beside
  expect(outlineIn(seen(), seen())).toBeNull(); // as wide
  expect(outlineIn(seen({ field_of_view_degs: NARROW }), seen())).toBeNull(); // wider
});

test("images of other steps do not belong together", () => {
  const patch = { field_of_view_degs: NARROW };
  expect(outlineIn(seen(), seen(patch, { step: 4 }))).toBeNull();
  expect(outlineIn(seen(), seen(patch, { episode: 1 }))).toBeNull();
});

test("without a distance only cameras in one place know where it lies", () => {
  const patch = { field_of_view_degs: NARROW, centre_metres: null };
  expect(rounded(outlineIn(seen(), seen(patch))?.[0])).toEqual([0.25, 0.25]);
  expect(outlineIn(seen(), seen({ ...patch, location: [0.1, 0, 0] }))).toBeNull();
});

test.each([
  null,
  { location: null },
  { location: [0, null, 0] },
  { location: [0, 0] },
  { rotation: null },
  { rotation: [0, 0, 0] },
  { rotation: [null, 0, 0, 1] },
  { field_of_view_degs: null },
  { field_of_view_degs: 0 },
  { field_of_view_degs: 180 },
  { field_of_view_degs: NaN },
  { field_of_view_degs: "wide" as unknown as number },
])("a camera that says too little has no outline and shows none: %o", (camera) => {
  const patch = camera && { field_of_view_degs: NARROW, ...camera };
  expect(outlineIn(seen(), seen(patch))).toBeNull();
  expect(outlineIn(seen(camera), seen({ field_of_view_degs: NARROW / 9 }))).toBeNull();
});
