// What is asked of the server once: names become parts of addresses here, and nowhere else.
const ESCAPED = /[%+#/. \p{C}\p{Z}]/u;

function percentEncoded(char) {
  const point = char.codePointAt(0);
  const isLoneSurrogate = point >= 0xd800 && point <= 0xdfff;
  const bytes = isLoneSurrogate
    ? [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f)]
    : [...new TextEncoder().encode(char)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** A name as one topic level, as `monty_mqtt.wire.topics.escape` writes it. */
export function escaped(name) {
  return name === "" ? "%" : [...name].map((char) => (ESCAPED.test(char) ? percentEncoded(char) : char)).join("");
}

/** A name as one part of an address: escaped as a topic level, then percent-encoded. */
export function escape(name) {
  return encodeURIComponent(escaped(name));
}

/** Address of a run's page; `query` is what is left out where it is null. */
export function runAddress(run, query = {}) {
  return `/run/${escape(run)}${queryText(query)}`;
}

/** Address of a run's grid of workers. */
export function workersAddress(run) {
  return `/run/${escape(run)}/workers`;
}

/** `?a=b` of the values that are there. */
export function queryText(query) {
  const present = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return present.length ? `?${new URLSearchParams(present)}` : "";
}

/** Address of what the server tells of a run: `path` stands below `/api/run/<run>/`. */
export function runPath(run, path = "", query = {}) {
  return `/api/run/${escape(run)}${path ? `/${path}` : ""}${queryText(query)}`;
}

/** Address of what the server tells of a worker. */
export function workerPath(run, worker, path, query = {}) {
  return runPath(run, `worker/${escape(worker)}/${path}`, query);
}

/** What the server refused, with its own words as message. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const ANSWER_MILLIS = 75000; // longer than a run takes to be read back; a connection may stay open and pass nothing

/** The JSON at an address. Throws `Refused`, or TypeError where no server answers. */
export async function api(path, options = {}) {
  const signal = AbortSignal.timeout(ANSWER_MILLIS);
  const response = await fetch(path, { headers: { Accept: "application/json" }, signal, ...options });
  const said = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, wordsOf(said) ?? `${response.status} ${response.statusText}`);
  return said;
}

/** Send JSON to an address; return the answer's. */
export function post(path, value = {}) {
  return api(path, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
}

function wordsOf(said) {
  const words = said?.error ?? said?.detail;
  return typeof words === "string" ? words : null;
}
