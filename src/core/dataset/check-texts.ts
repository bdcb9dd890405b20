/** What of a row's reader is asked for. */
interface TextReader {
  text(value: unknown, path: string): string;
  error(what: string, field: string, advice: string): Error;
}

/** Deeper than templates and Python's readers of JSON go. */
const DEEPEST = 400;

/** Holds every text in a value to be whole characters, as the texts of messages are, and the value not to be nested too deeply. */
export function checkTexts(reader: TextReader, value: unknown, path: string, depth = 0): void {
  if (typeof value === 'string') {
    reader.text(value, path);
    return;
  }
  if (typeof value !== 'object' || value === null || value instanceof Number) return;
  if (depth > DEEPEST) throw reader.error(`nested more than ${DEEPEST} deep`, path, 'nest it less deeply, or remove it');
  for (const item of Object.values(value)) checkTexts(reader, item, path, depth + 1);
}
