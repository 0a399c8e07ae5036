// Where the lines of a chart's grid are. Pure.

/** Seconds between labels of a time axis: parts of a minute, an hour, a day. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

/** 1, 2, 5 and their tenfolds, the smallest that gives at most `most` steps up to `top`; from `steps` where they are given. */
export function stepFor(top: number, most: number, steps?: readonly number[]): number {
  const wanted = top / most;
  const given = steps?.find((step) => step >= wanted);
  if (given !== undefined) return given;
  const ten = 10 ** Math.floor(Math.log10(wanted));
  return ([1, 2, 5].find((step) => step * ten >= wanted * 0.999) ?? 10) * ten;
}

/** From zero up to `top`. */
export function ticks(top: number, step: number): number[] {
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step);
}

/**
 * Moments between `from` and `to` that a clock shows as round, at most `most` of them, and the step between.
 *
 * `offset`: seconds that the reader's clock is ahead of UTC.
 */
export function moments(from: number, to: number, most: number, offset: number): { step: number; at: number[] } {
  const step = TIME_STEPS.find((each) => (to - from) / each <= most) ?? 86_400;
  const first = Math.ceil((from + offset) / step) * step - offset;
  return { step, at: Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, i) => first + i * step) };
}
