// The points of a PLY file as the bridge writes it (docs/wire.md), and where they are seen on a flat picture.

export interface PointFile {
  count: number;
  /** x, y, z of each point. */
  places: Float32Array;
  /** Colour of each point as CSS writes it; null if they have none. */
  colours: string[] | null;
  /** Size of each point; null if they have none. */
  sizes: Float32Array | null;
}

interface Property {
  name: string;
  isFloat: boolean;
  offset: number;
}

const END = "end_header\n";
const LONGEST_HEADER = 200_000;

/** What stands in a file. Throws where it is no such file. */
export function pointsIn(file: ArrayBuffer): PointFile {
  const head = new TextDecoder("latin1").decode(file.slice(0, LONGEST_HEADER));
  const begin = head.indexOf(`\n${END}`) + 1 + END.length;
  const lines = head.slice(0, begin).split("\n");
  const count = Number(lines.find((line) => line.startsWith("element vertex "))?.slice("element vertex ".length));
  const [properties, stride] = propertiesIn(lines);
  if (begin <= END.length || !Number.isInteger(count) || file.byteLength < begin + count * stride)
    throw new Error("These points cannot be read.");
  const view = new DataView(file, begin);
  const column = (name: string): ((place: number) => number) | null => {
    const found = properties.find((property) => property.name === name);
    if (!found) return null;
    const { isFloat, offset } = found;
    return (place) =>
      isFloat ? view.getFloat32(place * stride + offset, true) : view.getUint8(place * stride + offset);
  };
  const axes = ["x", "y", "z"].map(column);
  const parts = ["red", "green", "blue", "alpha"].map(column);
  const size = column("size");
  const places = new Float32Array(3 * count);
  for (let at = 0; at < places.length; at++) places[at] = axes[at % 3]?.(Math.floor(at / 3)) ?? NaN;
  return {
    count,
    places,
    colours: parts[0] ? Array.from({ length: count }, (_, place) => colourAt(parts, place)) : null,
    sizes: size && Float32Array.from({ length: count }, (_, place) => size(place)),
  };
}

function propertiesIn(lines: string[]): [Property[], number] {
  const properties: Property[] = [];
  let stride = 0;
  for (const line of lines) {
    const [word, kind, name] = line.split(" ");
    if (word !== "property" || !name) continue;
    properties.push({ name, isFloat: kind === "float", offset: stride });
    stride += kind === "float" ? 4 : 1;
  }
  return [properties, stride];
}

function colourAt(parts: (((place: number) => number) | null)[], place: number): string {
  const [red, green, blue, alpha] = parts.map((part) => part?.(place) ?? 255);
  return `rgb(${red} ${green} ${blue} / ${((alpha ?? 255) / 255).toFixed(3)})`;
}

export interface Seen {
  /** Place of the point in the file. */
  place: number;
  /** From the left and from the top, 0 to 1. */
  x: number;
  y: number;
}

/** The points from far to near, as seen after a turn around the upright axis and a tilt, in radians; others are left out. */
export function seen(places: Float32Array, turn: number, tilt: number): Seen[] {
  const box = [0, 1, 2].map((axis) => spanOf(places, axis));
  const reach = Math.max(...box.map(([low, high]) => high - low), 1e-12);
  const [cosTurn, sinTurn, cosTilt, sinTilt] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
  const found: (Seen & { depth: number })[] = [];
  for (let at = 0; at < places.length; at += 3) {
    const [x, y, z] = [0, 1, 2].map((axis) => {
      const [low, high] = box[axis] as [number, number];
      return ((places[at + axis] as number) - (low + high) / 2) / reach;
    }) as [number, number, number];
    const across = cosTurn * x + sinTurn * z;
    const away = cosTurn * z - sinTurn * x;
    const up = cosTilt * y - sinTilt * away;
    const depth = cosTilt * away + sinTilt * y;
    if (Number.isFinite(across + up + depth))
      found.push({ place: at / 3, x: 0.5 + across * SHARE, y: 0.5 - up * SHARE, depth });
  }
  return found.sort((one, other) => one.depth - other.depth);
}

const SHARE = 0.55; // of the picture's side: what is turned by 45 degrees is longer, and still in it

function spanOf(places: Float32Array, axis: number): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let at = axis; at < places.length; at += 3) {
    const place = places[at] as number;
    if (!Number.isFinite(place)) continue;
    low = Math.min(low, place);
    high = Math.max(high, place);
  }
  return low <= high ? [low, high] : [0, 0];
}
