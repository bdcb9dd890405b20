/**
 * The exact 95 % interval of a share (Clopper and Pearson 1934) where all of a sample agree, of which a bootstrap would say that it is
 * certain: every resample is the same.
 *
 * @returns undefined where they do not all agree
 */
export function unanimousInterval(scores: readonly number[]): readonly [low: number, high: number] | undefined {
  const end = 0.025 ** (1 / scores.length);
  if (scores.every((score) => score === 1)) return [end, 1];
  return scores.every((score) => score === 0) ? [0, 1 - end] : undefined;
}
