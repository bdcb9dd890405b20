// A preference file of any size: the example pairs again and again, each with a number of its own in its prompt, and among
// them rows with faults. The same size gives the same file.
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from '../shell.mjs';

/** A row with a fault comes after so many without. */
const faultEvery = 1000;

/** In turn: an error, a warning, and a row that an earlier one contradicts. */
const faults = [
  (row) => ({ ...row, rejected: [{ role: 'assistant', content: '' }] }),
  (row) => ({ ...row, rejected: row.chosen }),
  (_row, before) => ({ ...before, chosen: before.rejected, rejected: before.chosen }),
];

/**
 * Writes the file unless it is there.
 *
 * @param file where; its folder is made
 * @param bytes it has at least so many, and at most a row more
 */
export async function largeFile(file, bytes) {
  if (existsSync(file)) return;
  const text = await readFile(join(root, 'examples/preferences.jsonl'), 'utf8');
  const pairs = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  await mkdir(dirname(file), { recursive: true });
  const out = createWriteStream(`${file}.tmp`);
  let before = numbered(pairs[0], 0);
  for (let row = 0, written = 0; written < bytes; row++) {
    let pair = numbered(pairs[row % pairs.length], row);
    // The first one is in view when the file is opened.
    if (row % faultEvery === 1) pair = faults[Math.floor(row / faultEvery) % faults.length](pair, before);
    before = pair;
    const line = `${JSON.stringify(pair)}\n`;
    written += Buffer.byteLength(line);
    if (!out.write(line)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
  await rename(`${file}.tmp`, file);
}

/** The pair with a number before its last question, so that it is no duplicate. */
function numbered({ prompt, chosen, rejected }, row) {
  const last = prompt.at(-1);
  return { prompt: [...prompt.slice(0, -1), { ...last, content: `(${row}) ${last.content}` }], chosen, rejected };
}
