// What the 3D view shows, from what the server tells: model, hypotheses and path as flat lists of numbers.
import { Refused, api, escaped, workerPath } from "monty-liveview/api.js";
import { shadeOf } from "monty-liveview/colour_scale.js";
import { sliceOf } from "monty-liveview/rows.js";

const MOST_PATH_POINTS = 500;

/** Whether it is three numbers: what was not known comes without. */
export const isPlace = (place) => Array.isArray(place) && place.length === 3 && place.every(Number.isFinite);

/**
 * A learned model: {points (x y z after each other), source}; source says who sent it: {run, worker, is_certain}. Null
 * where nobody did. A run that only evaluates sends none: then it is that of the run which learned it.
 */
export async function fetchModel(run, worker, module, object) {
  const query = { learning_module: escaped(module), object: escaped(object) };
  const source = await api(workerPath(run, worker, "model_source", query));
  if (!source) return null;
  const response = await fetch(workerPath(source.run, source.worker, "model", query));
  if (!response.ok) throw new Refused(response.status, await response.text());
  const buffer = await response.arrayBuffer();
  return { points: new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 12) * 3), source };
}

/** The hypotheses that were newest at a row. */
export function fetchCloud(run, worker, module, row) {
  return api(workerPath(run, worker, "cloud", { learning_module: escaped(module), row }));
}

/**
 * Of one object, or of all where it is null, for a dark page or a light one: {positions, colours, count, low, high}, the
 * strongest last and so on top.
 */
export function hypothesesOf(cloud, object, isDark) {
  const place = object === null ? -1 : (cloud?.objects.indexOf(object) ?? -1);
  const chosen = [];
  (cloud?.locations ?? []).forEach((location, i) => {
    if ((object === null || cloud.object_indices[i] === place) && isPlace(location)) chosen.push(i);
  });
  chosen.sort((one, other) => cloud.evidence[one] - cloud.evidence[other]);
  const values = chosen.map((i) => cloud.evidence[i]);
  const [low, high] = [values[0] ?? null, values.at(-1) ?? null];
  return {
    positions: chosen.flatMap((i) => cloud.locations[i]),
    colours: values.flatMap((value) => shadeOf(high > low ? (value - low) / (high - low) : 1, isDark)),
    count: chosen.length,
    low,
    high,
  };
}

/** Places of a sensor from the first row to the last, of those that have one. */
export async function fetchPath(live, sensor, first, last) {
  const isHere = first >= live.steps.first && last - first < 2 * MOST_PATH_POINTS;
  const rows = isHere ? sliceOf(live.steps, first, last) : await live.fetchSteps({ first, last, points: MOST_PATH_POINTS });
  return (rows.sensors[sensor]?.location ?? []).filter(isPlace);
}

/**
 * The path where the most likely hypothesis puts it on its model: Monty turns sensed displacements by the hypothesis'
 * rotation (`Hypothesis.rotation`), and the sensor is where the hypothesis is. As it was sensed where there is none.
 */
export function pathOnModel(places, hypothesis) {
  if (!places.length || !isPlace(hypothesis?.location) || hypothesis.rotation?.length !== 4) return null;
  const now = places.at(-1);
  return places.map((place) => {
    const moved = turned(hypothesis.rotation, place.map((value, i) => value - now[i]));
    return moved.map((value, i) => hypothesis.location[i] + value);
  });
}

/** A vector turned by a unit quaternion x, y, z, w. */
export function turned([x, y, z, w], [a, b, c]) {
  const p = 2 * (y * c - z * b);
  const q = 2 * (z * a - x * c);
  const r = 2 * (x * b - y * a);
  return [a + w * p + y * r - z * q, b + w * q + z * p - x * r, c + w * r + x * q - y * p];
}
