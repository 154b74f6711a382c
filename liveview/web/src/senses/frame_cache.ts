// Sensor images by what they are of: brought once, kept for a while, so that stepping to and fro does not ask again.
import { afterFirstDrawing } from "@/plots/first_drawing";
import { escaped, refusalIn, workerPath } from "@/server/api";
import type { Camera, Seen } from "@/senses/patch_outline";
import type { FrameShown } from "@/server/openapi";

/** An image, of which step it is, from where it was seen, and the range of its depth in metres. */
export interface Shown extends Seen {
  url: string;
  range: number[] | null;
}

const KEPT = 160;

const keyOf = (frame: FrameShown): string =>
  JSON.stringify([frame.sensor, frame.modality, frame.time_unix_millis, frame.episode, frame.step]);

/** What the answer says of the camera; null where it says nothing that can be read. */
function cameraOf(response: Response): Camera | null {
  try {
    return JSON.parse(response.headers.get("X-Monty-Camera") ?? "null");
  } catch {
    return null;
  }
}

/** Images of a worker: `{url, episode, step, width, height, camera, range}`, range of depth in metres. */
export function frameStore(run: string, worker: string) {
  const kept = new Map<string, Promise<Shown>>(); // by key, the one used last at the end
  const dropped = new Set<string>(); // URLs of images that are not kept any more; one that is still shown needs its URL

  async function load(sensor: string, modality: string, row: number): Promise<Shown> {
    await afterFirstDrawing();
    const query = { sensor: escaped(sensor), modality: escaped(modality), row };
    const response = await fetch(workerPath(run, worker, "frame", query));
    if (!response.ok) throw await refusalIn(response);
    const said = (name: string) => (response.headers.has(name) ? Number(response.headers.get(name)) : null);
    const url = URL.createObjectURL(await response.blob());
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
    } catch {
      URL.revokeObjectURL(url);
      throw new Error("what was sent is not an image");
    }
    const range = response.headers.get("X-Monty-Depth-Range")?.split(":").map(Number) ?? null;
    const { naturalWidth: width, naturalHeight: height } = image;
    const camera = cameraOf(response);
    return { url, episode: said("X-Monty-Episode"), step: said("X-Monty-Step"), width, height, camera, range };
  }

  /** The image that a moment says there is; `frame` as in `Moment.frames`. */
  function bring(frame: FrameShown, row: number): Promise<Shown> {
    const key = keyOf(frame);
    const found = kept.get(key) ?? load(frame.sensor, frame.modality, row);
    kept.delete(key);
    kept.set(key, found);
    found.catch(() => kept.get(key) === found && kept.delete(key));
    if (kept.size > KEPT) drop(kept.keys().next().value as string);
    return found;
  }

  function drop(key: string): void {
    kept.get(key)?.then(
      ({ url }) => dropped.add(url),
      () => {},
    );
    kept.delete(key);
  }

  /** Give back the memory of dropped images, but for those at the URLs that are shown. */
  function release(shown: Set<string>): void {
    for (const url of dropped) {
      if (shown.has(url)) continue;
      URL.revokeObjectURL(url);
      dropped.delete(url);
    }
  }

  /** Give back all, also of what is still on its way. Nothing is shown any more. */
  async function close(): Promise<void> {
    const coming = [...kept.values()];
    [...kept.keys()].forEach(drop);
    await Promise.allSettled(coming);
    release(new Set());
  }

  /** Ask again for all other images of a sensor: its depth is drawn on another scale than theirs now. */
  function forgetOthers(frame: FrameShown): void {
    const mine = keyOf(frame);
    const start = JSON.stringify([frame.sensor, frame.modality]).slice(0, -1);
    for (const key of kept.keys()) if (key !== mine && key.startsWith(start)) drop(key);
  }

  /** Ask again for an image. */
  function forget(frame: FrameShown): void {
    if (kept.has(keyOf(frame))) drop(keyOf(frame));
  }

  return { bring, forget, forgetOthers, release, close };
}
