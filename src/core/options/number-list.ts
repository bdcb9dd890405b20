/**
 * What somebody wrote for an option that is a number, or a list of numbers: `auto`, `2`, `0,2`, and `[2]` for a list of one.
 *
 * @returns the text itself where it is none of these
 */
export function parseNumbers(text: string): unknown {
  const typed = text.trim();
  const inner = /^\[(.*)\]$/s.exec(typed)?.[1] ?? (typed.includes(',') ? typed : undefined);
  if (inner === undefined) return numberOr(typed);
  return inner.trim() === '' ? [] : inner.split(',').map((item) => numberOr(item.trim()));
}

/** The same as text again: {@link parseNumbers} reads it. */
export function numbersText(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.length === 1 ? `[${String(value[0])}]` : value.map(String).join(',');
}

function numberOr(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
