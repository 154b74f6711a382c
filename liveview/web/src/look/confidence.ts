// How sure a share of few trials is.

const Z = 1.96; // 95 %

/** Bounds of a share's 95 % confidence interval, 0 to 1; `of` is at least 1. Source: Wilson, JASA 22 (1927). */
export function wilson(successes: number, of: number): [number, number] {
  const share = successes / of;
  const middle = share + (Z * Z) / (2 * of);
  const half = Z * Math.sqrt((share * (1 - share)) / of + (Z * Z) / (4 * of * of));
  const scale = 1 + (Z * Z) / of;
  return [(middle - half) / scale, (middle + half) / scale];
}
