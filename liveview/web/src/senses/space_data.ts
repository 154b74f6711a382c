// What the 3D view shows, from what the server tells: model, hypotheses and path as flat lists of numbers.
import { api, escaped, refusalIn, workerPath } from "@/server/api";
import { shadeOf } from "@/senses/colour_scale";
import type { Live } from "@/server/live";
import type { HypothesisCloud, ModelSource, MostLikely } from "@/server/openapi";
import { sliceOf } from "@/steps/row_slices";

const MOST_PATH_POINTS = 500;

export type Place = [x: number, y: number, z: number];
type Quaternion = [x: number, y: number, z: number, w: number];

/** What is drawn of hypotheses: places and colours after each other. */
interface Drawn {
  positions: number[];
  colours: number[];
  count: number;
  low: number | null;
  high: number | null;
}

/** Whether it is three numbers: what was not known comes without. */
export const isPlace = (place: unknown): place is Place =>
  Array.isArray(place) && place.length === 3 && place.every(Number.isFinite);

/**
 * A learned model: {points (x y z after each other), source}; source says who sent it: {run, worker, is_certain}. Null
 * where nobody did. A run that only evaluates sends none: then it is that of the run which learned it.
 */
export async function fetchModel(
  run: string,
  worker: string,
  module: string,
  object: string,
): Promise<{ points: Float32Array; source: ModelSource } | null> {
  const query = { learning_module: escaped(module), object: escaped(object) };
  const source = await api(workerPath(run, worker, "model_source", query));
  if (!source) return null;
  const response = await fetch(workerPath(source.run, source.worker, "model", query));
  if (!response.ok) throw await refusalIn(response);
  const buffer = await response.arrayBuffer();
  return { points: new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 12) * 3), source };
}

/** The hypotheses that were newest at a row. */
export function fetchCloud(run: string, worker: string, module: string, row: number): Promise<HypothesisCloud> {
  return api(workerPath(run, worker, "cloud", { learning_module: escaped(module), row }));
}

/**
 * Of one object, or of all where it is null, for a dark page or a light one: {positions, colours, count, low, high}, the
 * strongest last and so on top.
 */
export function hypothesesOf(cloud: HypothesisCloud | null, object: string | null, isDark: boolean): Drawn {
  const place = object === null ? -1 : (cloud?.objects.indexOf(object) ?? -1);
  const chosen: { location: Place; evidence: number | null }[] = [];
  (cloud?.locations ?? []).forEach((location, i) => {
    const isMeant = object === null || cloud?.object_indices[i] === place;
    if (isMeant && isPlace(location)) chosen.push({ location, evidence: cloud?.evidence[i] ?? null });
  });
  chosen.sort((one, other) => (one.evidence ?? 0) - (other.evidence ?? 0));
  const [low, high] = [chosen[0]?.evidence ?? null, chosen.at(-1)?.evidence ?? null];
  const [from, to] = [low ?? 0, high ?? 0];
  const share = (evidence: number | null) => (to > from ? ((evidence ?? 0) - from) / (to - from) : 1);
  return {
    positions: chosen.flatMap(({ location }) => location),
    colours: chosen.flatMap(({ evidence }) => shadeOf(share(evidence), isDark)),
    count: chosen.length,
    low,
    high,
  };
}

/** Places of a sensor from the first row to the last, of those that have one. */
export async function fetchPath(live: Live, sensor: string, first: number, last: number): Promise<Place[]> {
  const isHere = first >= live.steps.first && last - first < 2 * MOST_PATH_POINTS;
  const rows = isHere
    ? sliceOf(live.steps, first, last)
    : await live.fetchSteps({ first, last, points: MOST_PATH_POINTS });
  return (rows.sensors[sensor]?.location ?? []).filter(isPlace);
}

/**
 * The path where the most likely hypothesis puts it on its model: Monty turns sensed displacements by the hypothesis'
 * rotation (`Hypothesis.rotation`), and the sensor is where the hypothesis is. As it was sensed where there is none.
 */
export function pathOnModel(
  places: Place[],
  hypothesis: Partial<Pick<MostLikely, "location" | "rotation">> | null | undefined,
): Place[] | null {
  const now = places.at(-1);
  const location = hypothesis?.location;
  if (!now || !isPlace(location) || hypothesis?.rotation?.length !== 4) return null;
  const rotation = hypothesis.rotation as Quaternion;
  return places.map(([x, y, z]) => {
    const [a, b, c] = turned(rotation, [x - now[0], y - now[1], z - now[2]]);
    return [location[0] + a, location[1] + b, location[2] + c];
  });
}

/** A vector turned by a unit quaternion x, y, z, w. */
export function turned([x, y, z, w]: Quaternion, [a, b, c]: Place): Place {
  const p = 2 * (y * c - z * b);
  const q = 2 * (z * a - x * c);
  const r = 2 * (x * b - y * a);
  return [a + w * p + y * r - z * q, b + w * q + z * p - x * r, c + w * r + x * q - y * p];
}
