// What the page answers when a panel asks: what its server answers, of the run and worker that are shown.
import { api, escape, escaped, type Query, Refused, runPath, workerPath } from "@/server/api";
import type { Asked } from "@/own/messages";

/** The answers about a run and one of its workers (empty: the whole run). What is given comes from code of others. */
export function answersOf(run: string, worker: string): Asked {
  const ofWorker = worker ? escaped(worker) : null;

  async function bytes(path: string): Promise<Blob> {
    const response = await fetch(path);
    if (!response.ok) throw new Refused(response.status, (await response.json()).error);
    return response.blob();
  }

  return {
    info: () => api(`/api/run/${escape(run)}`),
    steps: (range) => api(workerPath(run, worker, "steps", numbersOf(range, ["first", "last", "points"]))),
    moment: (row) => api(workerPath(run, worker, "moment", numbersOf({ row }, ["row"]))),
    episodes: () => api(runPath(run, "episodes", { worker: ofWorker })),
    metrics: (search) => api(runPath(run, "metrics", { worker: ofWorker, search: search && String(search) })),
    metric: (name) => api(runPath(run, "metric", { worker: ofWorker, name: escaped(String(name)) })),
    data: () => api(runPath(run, "data", { worker: ofWorker })),
    stream: (name, count) =>
      api(
        runPath(run, "stream", { worker: ofWorker, stream: escaped(String(name)), ...numbersOf({ count }, ["count"]) }),
      ),
    image: (sensor, modality = "rgba", row) => {
      const query = { sensor: escaped(String(sensor)), modality: String(modality), ...numbersOf({ row }, ["row"]) };
      return bytes(workerPath(run, worker, "frame", query));
    },
    media: () => api(workerPath(run, worker, "media")),
    medium: (kind, name, place) => {
      const query = { kind: String(kind), name: escaped(String(name)), ...numbersOf({ place }, ["place"]) };
      return bytes(workerPath(run, worker, "medium", query));
    },
  };
}

/** Those of the values that are numbers. */
function numbersOf(values: object | null | undefined, names: string[]): Query {
  const given = Object.entries(values ?? {}).filter(([name, value]) => names.includes(name) && Number.isFinite(value));
  return Object.fromEntries(given);
}
