import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';

/** Exactly one error of three lines, all patterns in it, and nothing that looks like a stack trace. */
export function assertOneError(stderr: string, says: readonly RegExp[]): void {
  assert.equal(stderr.match(/^error: /gm)?.length, 1, stderr);
  assert.match(stderr, /^ {2}at: /m);
  assert.match(stderr, /^ {2}fix: /m);
  for (const pattern of says) assert.match(stderr, pattern);
  assert.doesNotMatch(stderr, /^\s+at \S+ \(|node:internal|terminate called/m);
}

export async function filesUnder(folder: string): Promise<string[]> {
  try {
    // The runs folder keeps itself out of version control; that file holds nothing of a run.
    return (await readdir(folder, { recursive: true })).filter((name) => name !== '.gitignore').sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
