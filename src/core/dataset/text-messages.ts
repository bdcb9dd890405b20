/** A list of messages, or one, written as text: JSON, or what Python's `str` and NumPy make of it. */
const written = /^\s*(?:array\(\s*)?\[?\s*(?:array\(\s*\[?\s*)?\{\s*(['"])(role|content|from|value)\1\s*:/;
const others = /(['"])(?:role|from)\1\s*:/;
const contents = /(['"])(?:content|value)\1\s*:/;
/** Both names stand near the start, unless the content does and is long. */
const most = 1 << 16;

/** Whether a text is messages in writing, as a table without lists holds them (pandas' `to_csv`). */
export function isWrittenMessages(text: string): boolean {
  if (!written.test(text.slice(0, 200))) return false;
  const head = text.slice(0, most);
  return others.test(head) && contents.test(head);
}

/** What to do about them. */
export const keepLists =
  'write the file again as JSON lines or Parquet, which keep lists: ' +
  'df.to_json("pairs.jsonl", orient="records", lines=True), not to_csv';
