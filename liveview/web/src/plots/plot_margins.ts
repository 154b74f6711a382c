// Pixels beside the plotting area, the same in every plot, so that steps stand above each other.
export const LEFT = 46;
export const RIGHT = 12;
