// The kinds of what a user's program publishes to be looked at.
const KINDS = ["image/", "points/", "histogram/", "table/"];

/** Whether a key of what the server tells about what arrived is of such a kind: they are `<kind>/<name>`. */
export function isMedium(key: string): boolean {
  return KINDS.some((kind) => key.startsWith(kind));
}
