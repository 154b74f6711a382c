// Numbers, times and lengths of time as text with units. What is not there is a dash.
const NOTHING = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const significantByDigits = new Map<number, Intl.NumberFormat>();
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });

/** What may come where a number is expected: JSON has null for what is not finite. */
type Maybe = number | null | undefined;

function said(value: Maybe, write: (value: number) => string): string {
  return typeof value === "number" && Number.isFinite(value) ? write(value) : NOTHING;
}

/** 12,345 */
export const count = (value: Maybe) => said(value, (n) => whole.format(n));

function significant(digits: number): Intl.NumberFormat {
  const format = significantByDigits.get(digits) ?? new Intl.NumberFormat("en", { maximumSignificantDigits: digits });
  significantByDigits.set(digits, format);
  return format;
}

/** As many digits as matter: 12.3, 0.00123, 12,345, 1.2e-9. */
export function short(value: Maybe, digits = 3): string {
  return said(value, (n) => {
    const size = Math.abs(n);
    if (n === 0) return "0";
    if (size >= 1e9 || size < 1e-4) return n.toExponential(digits - 1);
    if (size >= 10 ** digits) return whole.format(n);
    return significant(digits).format(n);
  });
}

const MOST_CHARACTERS = 80;

/** A number, a truth, or a list of numbers; what is not there is a dash. */
export function numbersText(value: boolean | Maybe | readonly Maybe[]): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  const parts = Array.isArray(value) ? value : [value];
  return parts
    .map((part) => short(part))
    .join(", ")
    .slice(0, MOST_CHARACTERS);
}

export const percent = (share: Maybe) => said(share, (n) => `${(100 * n).toFixed(1)} %`);
export const degrees = (value: Maybe) => said(value, (n) => `${n.toFixed(1)}°`);
export const micros = (value: Maybe) => said(value, (n) => `${short(n)} µs`);
export const millis = (value: Maybe): string =>
  said(value, (n) => (n < 10000 ? `${whole.format(n)} ms` : duration(n / 1000)));
export const rate = (value: Maybe) => said(value, (n) => `${short(n)} steps/s`);

/** 0.42 s, 12.3 s */
export const secs = (value: Maybe): string => said(value, (n) => (n < 600 ? `${short(n)} s` : duration(n)));

/** 42 s, 3 min 20 s, 1 h 04 min, 2 d 3 h */
export function duration(value: Maybe): string {
  return said(value, (n) => {
    const all = Math.max(0, Math.round(n));
    if (all < 60) return `${all} s`;
    if (all < 3600) return `${Math.floor(all / 60)} min ${String(all % 60).padStart(2, "0")} s`;
    if (all < 86400) return `${Math.floor(all / 3600)} h ${String(Math.floor((all % 3600) / 60)).padStart(2, "0")} min`;
    return `${Math.floor(all / 86400)} d ${Math.floor((all % 86400) / 3600)} h`;
  });
}

export function bytes(value: Maybe): string {
  return said(value, (n) => {
    const power = n < 1 ? 0 : Math.min(4, Math.floor(Math.log2(n) / 10));
    return `${short(n / 1024 ** power)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
  });
}

/** 14:03:27 */
export const clock = (unixMillis: Maybe) => said(unixMillis, (n) => time.format(n));

/** 2026-11-25 14:03:27 */
export const dateTime = (unixMillis: Maybe) => said(unixMillis, (n) => `${day.format(n)} ${time.format(n)}`);

/** How long ago, in its largest unit. */
export function age(unixMillis: Maybe, nowMillis: number): string {
  return said(unixMillis, (n) => {
    const past = Math.max(0, (nowMillis - n) / 1000);
    if (past < 2) return "now";
    if (past < 60) return `${Math.floor(past)} s ago`;
    if (past < 3600) return `${Math.floor(past / 60)} min ago`;
    if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
    return `${Math.floor(past / 86400)} d ago`;
  });
}

/** 1 worker, 2 workers */
export const many = (value: Maybe, noun: string, nouns = `${noun}s`) => `${count(value)} ${value === 1 ? noun : nouns}`;

/** yes, no */
export const yesNo = (value: boolean | null | undefined) =>
  value === null || value === undefined ? NOTHING : value ? "yes" : "no";

/** The text itself, or a dash. */
export const text = (value: unknown) =>
  value === null || value === undefined || value === "" ? NOTHING : String(value);

const collator = new Intl.Collator("en", { numeric: true });

/** Order of names, with numbers in them as numbers. */
export const byName = (one: string, other: string) => collator.compare(one, other);
