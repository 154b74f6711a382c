// Sensor images by what they are of: brought once, kept for a while, so that stepping to and fro does not ask again.
import { workerPath } from "monty-liveview/api.js";

const KEPT = 160;

/** Images of a worker. */
export function frameStore(run, worker) {
  const kept = new Map(); // key -> promise of {url, episode, step}, the one used last at the end

  async function load(sensor, modality, row) {
    const response = await fetch(workerPath(run, worker, "frame", { sensor, modality, row }));
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    const said = (name) => (response.headers.has(name) ? Number(response.headers.get(name)) : null);
    const url = URL.createObjectURL(await response.blob());
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
    } catch {
      URL.revokeObjectURL(url);
      throw new Error("what was sent is not an image");
    }
    const size = { width: image.naturalWidth, height: image.naturalHeight };
    return { url, episode: said("X-Monty-Episode"), step: said("X-Monty-Step"), ...size };
  }

  /** The image that a moment says there is; `frame` as in `Moment.frames`. */
  function bring(frame, row) {
    const key = JSON.stringify([frame.sensor, frame.modality, frame.time_unix_millis, frame.episode, frame.step]);
    const found = kept.get(key) ?? load(frame.sensor, frame.modality, row);
    kept.delete(key);
    kept.set(key, found);
    found.catch(() => kept.delete(key));
    if (kept.size > KEPT) drop(kept.keys().next().value);
    return found;
  }

  function drop(key) {
    kept.get(key).then(({ url }) => URL.revokeObjectURL(url), () => {});
    kept.delete(key);
  }

  return { bring, close: () => [...kept.keys()].forEach(drop) };
}
