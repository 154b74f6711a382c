// Where the image of one camera lies in the image of another, from where both were and how wide they saw. Pure.
import { type Place, isPlace, turned } from "@/senses/space_data";

/** As the wire's `Camera` says it, of an image of this many pixels; it looks along its -z axis, y points up. */
export interface Camera {
  location?: (number | null)[] | null;
  rotation?: (number | null)[] | null;
  field_of_view_degs?: number | null;
  centre_metres?: number | null;
}

/** An image: of which step, how large, and its camera. */
export interface Seen {
  episode: number | null;
  step: number | null;
  width: number;
  height: number;
  camera: Camera | null;
}

/** A point of an image: 0, 0 is its left upper corner, 1, 1 its right lower one. */
export type Point = [x: number, y: number];

const NARROWER = 0.99; // a camera that sees as much as the other has no place in its image
const SAME_PLACE_METRES = 1e-6;
const CORNERS = [
  [-1, 1],
  [1, 1],
  [1, -1],
  [-1, -1],
] as const;

interface View {
  location: Place;
  rotation: [number, number, number, number];
  /** Half of what it sees at a distance of 1: to the right, and upwards. */
  right: number;
  up: number;
}

/** The camera as numbers; null where it does not say enough, or is none. */
function viewOf({ camera, width, height }: Seen): View | null {
  const { location, rotation, field_of_view_degs: degs } = camera ?? {};
  const isWide = typeof degs === "number" && degs > 0 && degs < 180;
  if (!isWide || !isPlace(location) || rotation?.length !== 4 || !rotation.every(Number.isFinite)) return null;
  if (!(width > 0 && height > 0)) return null;
  const right = Math.tan((degs * Math.PI) / 360);
  return { location, rotation: rotation as View["rotation"], right, up: (right * height) / width };
}

/** How far before the camera the middle of its image is; any distance is right where both cameras are in one place. */
function distanceOf(patch: Seen, from: View, to: View): number | null {
  const metres = patch.camera?.centre_metres;
  if (typeof metres === "number" && metres > 0 && Number.isFinite(metres)) return metres;
  const apart = Math.hypot(...from.location.map((value, axis) => value - (to.location[axis] as number)));
  return apart < SAME_PLACE_METRES ? 1 : null;
}

/**
 * Corners of what `patch` saw in the image `picture`, clockwise from the left upper one of the patch; null where that is
 * not told, is not of the same step, lies outside of the picture, or is no smaller than it.
 */
export function outlineIn(picture: Seen, patch: Seen): Point[] | null {
  if (picture.episode !== patch.episode || picture.step !== patch.step) return null;
  const [to, from] = [viewOf(picture), viewOf(patch)];
  if (!to || !from || from.right > NARROWER * to.right) return null;
  const distance = distanceOf(patch, from, to);
  if (distance === null) return null;
  const [x, y, z, w] = to.rotation;
  const corners = CORNERS.map(([side, above]): Point | null => {
    const ray: Place = [side * from.right * distance, above * from.up * distance, -distance];
    const seen = turned(from.rotation, ray).map(
      (value, axis) => value + (from.location[axis] as number) - (to.location[axis] as number),
    );
    const [right, up, back] = turned([-x, -y, -z, w], seen as Place);
    return back < 0 ? [0.5 + right / -back / to.right / 2, 0.5 - up / -back / to.up / 2] : null;
  });
  return corners.every((corner) => corner !== null) && isInside(corners as Point[]) ? (corners as Point[]) : null;
}

/** Whether any of it can be in the picture. */
function isInside(corners: Point[]): boolean {
  return [0, 1].every((axis) => {
    const values = corners.map((corner) => corner[axis] as number);
    return Math.max(...values) > 0 && Math.min(...values) < 1;
  });
}
