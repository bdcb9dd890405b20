/** A list of messages, or one, written as text: JSON, or what Python's `str` and NumPy make of it. */
const WRITTEN = /^\s*(?:array\(\s*)?\[?\s*(?:array\(\s*\[?\s*)?\{\s*(['"])(role|content|from|value)\1\s*:/;
const OTHERS = /(['"])(?:role|from)\1\s*:/;
const CONTENTS = /(['"])(?:content|value)\1\s*:/;
/** Both names stand near the start, unless the content does and is long. */
const MOST = 1 << 16;

/** Whether a text is messages in writing, as a table without lists holds them (pandas' `to_csv`). */
export function isWrittenMessages(text: string): boolean {
  if (!WRITTEN.test(text.slice(0, 200))) return false;
  const head = text.slice(0, MOST);
  return OTHERS.test(head) && CONTENTS.test(head);
}

/** What to do about them. */
export const KEEP_LISTS =
  'write the file again as JSON lines or Parquet, which keep lists: ' +
  'df.to_json("pairs.jsonl", orient="records", lines=True), not to_csv';
