// The bars of a histogram, in a picture 100 wide and 40 high.
import { short } from "@/look/format";

export interface Bar {
  x: number;
  width: number;
  height: number;
  title: string;
}

/** One bar for each count that is not 0; bins may have different widths. */
export function barsOf(counts: number[], edges: number[]): Bar[] {
  const first = edges[0] ?? 0;
  const span = (edges.at(-1) ?? 0) - first;
  const most = Math.max(...counts, 0);
  return counts.flatMap((count, at) => {
    const [left, right] = [edges[at], edges[at + 1]];
    if (!count || left === undefined || right === undefined || !(span > 0)) return [];
    const title = `${short(left)} to ${short(right)}: ${short(count)}`;
    return {
      x: (100 * (left - first)) / span,
      width: (100 * (right - left)) / span,
      height: (40 * count) / most,
      title,
    };
  });
}
