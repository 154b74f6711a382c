// What is asked of the server once: names become parts of addresses here, and nowhere else.
import type { paths, Refusal } from "@/server/openapi";

type OfRun = "/api/run/{run}";
type OfWorker = `${OfRun}/worker/{worker}`;
type Below<Path, Start extends string> = Path extends `${Start}/${infer Part}` ? Part : never;
type Got<Path> = Path extends keyof paths ? JsonOf<paths[Path]["get" | "post"]> : never;
type JsonOf<Operation> = Operation extends { responses: { 200: { content: { "application/json": infer Json } } } }
  ? Json
  : never;

/** What is told of a run, and of a worker: the last parts of their addresses. */
type RunPart = Exclude<Below<keyof paths, OfRun>, `${string}/${string}`>;
type WorkerPart = Below<keyof paths, OfWorker>;

/** An address, and the type of what the server answers there. */
export type Address<Answer> = string & { readonly answer?: Answer };

type Value = string | number | boolean | null | undefined;
export type Query = Record<string, Value | readonly string[]>;

const ESCAPED = /[%+#/. \p{C}\p{Z}]/u;

function percentEncoded(char: string): string {
  const point = char.codePointAt(0) as number;
  const isLoneSurrogate = point >= 0xd800 && point <= 0xdfff;
  const bytes = isLoneSurrogate
    ? [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f)]
    : [...new TextEncoder().encode(char)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** A name as one topic level, as `monty_mqtt.wire.topics.escape` writes it. */
export function escaped(name: string): string {
  return name === "" ? "%" : [...name].map((char) => (ESCAPED.test(char) ? percentEncoded(char) : char)).join("");
}

/** A name as one part of an address: escaped as a topic level, then percent-encoded. */
export function escape(name: string): string {
  return encodeURIComponent(escaped(name));
}

/** Address of a run's page; `query` is what is left out where it is null. */
export function runAddress(run: string, query: Query = {}): string {
  return `/run/${escape(run)}${queryText(query)}`;
}

/** Address of a run's grid of workers. */
export function workersAddress(run: string): string {
  return `/run/${escape(run)}/workers`;
}

/** `?a=b` of the values that are there; one that is a list is named as often. */
export function queryText(query: Query): string {
  const each = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one] as const));
  const present = each.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return present.length ? `?${new URLSearchParams(present.map(([name, value]) => [name, String(value)]))}` : "";
}

/** Address of what the server tells of a run: `path` stands below `/api/run/<run>/`. */
export function runPath<Part extends RunPart>(
  run: string,
  path: Part,
  query: Query = {},
): Address<Got<`${OfRun}/${Part}`>> {
  return `/api/run/${escape(run)}/${path}${queryText(query)}`;
}

/** Address of what the server tells of a worker. */
export function workerPath<Part extends WorkerPart>(
  run: string,
  worker: string,
  path: Part,
  query: Query = {},
): Address<Got<`${OfWorker}/${Part}`>> {
  return `/api/run/${escape(run)}/worker/${escape(worker)}/${path}${queryText(query)}`;
}

/** What the server refused, with its own words as message. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const ANSWER_MILLIS = 75000; // longer than a run takes to be read back; a connection may stay open and pass nothing

/** The JSON at an address. Throws `Refused`, or TypeError where no server answers. */
export async function api<Answer>(path: Address<Answer>, options: RequestInit = {}): Promise<Answer> {
  const signal = AbortSignal.timeout(ANSWER_MILLIS);
  const response = await fetch(path, { headers: { Accept: "application/json" }, signal, ...options });
  if (!response.ok) throw await refusalIn(response);
  return response.json().catch(() => null);
}

/** Why the server refused, in its own words where it has any. */
export async function refusalIn(response: Response): Promise<Refused> {
  const said: Partial<Refusal> | null = await response.json().catch(() => null);
  const reason = typeof said?.error === "string" ? said.error : `${response.status} ${response.statusText}`;
  return new Refused(response.status, reason);
}

/** Send JSON to an address; return the answer's. */
export function post<Answer>(path: Address<Answer>, value: object = {}): Promise<Answer> {
  return api(path, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
}
