/**
 * Mean of each value and those before it, at most `window` of them; NaN values are left out.
 *
 * @param from rows before this one are there already
 * @param into as long as `values`; its rows from `from` on are set
 */
export function extendTrailingMean(values: ArrayLike<number>, window: number, from: number, into: { [row: number]: number }): void {
  let sum = 0;
  let count = 0;
  const enter = (value: number, sign: 1 | -1): void => {
    if (Number.isNaN(value)) return;
    sum += sign * value;
    count += sign;
  };
  for (let i = Math.max(0, from - window); i < from; i++) enter(values[i]!, 1);
  for (let i = from; i < values.length; i++) {
    enter(values[i]!, 1);
    if (i >= window) enter(values[i - window]!, -1);
    into[i] = count === 0 ? NaN : sum / count;
  }
}

/** Steps that the smooth line averages over: about a twentieth of the curve, so that it follows and yet calms. */
export function smoothingWindow(rows: number): number {
  // A mean of fewer than three hides more than it shows.
  return rows < 60 ? 1 : Math.min(500, Math.round(rows / 20));
}
