// A file of a million pairs and a gigabyte (or another number of pairs of a kilobyte each), as sets of preferences are: lengths that
// vary, several sources, and a row with a fault now and then. The same number gives the same file.
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const words =
  'the of and a to in is you that it he was for on are as with his they I at be this have from or one had by word but not what all'.split(
    ' ',
  );
const sources = ['helpful-base', 'harmless-base', 'ultrafeedback', 'stack-exchange', 'reddit'];

/** Numbers in [0, 1) that look random (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Row `number` of the file, as JSON text. */
function row(number, next) {
  const text = (most) =>
    Array.from({ length: 5 + Math.floor(most * next() ** 2) }, () => words[Math.floor(next() * words.length)]).join(' ');
  const opening = text(60);
  const pair = {
    prompt: `(${number}) ${text(150)}?`,
    chosen: `${opening} ${text(195)}.`,
    rejected: number % 1000 === 7 ? '' : `${opening} ${text(195)}.`,
    source: sources[Math.floor(next() * sources.length)],
  };
  return JSON.stringify(pair);
}

/** Writes the file unless it is there. */
export async function millionPairs(file, pairs = 1_000_000) {
  if (existsSync(file)) return;
  await mkdir(dirname(file), { recursive: true });
  const out = createWriteStream(`${file}.tmp`, { highWaterMark: 1 << 20 });
  const next = random(18);
  for (let number = 0; number < pairs; ) {
    const lines = [];
    for (let i = 0; i < 1000 && number < pairs; i++) lines.push(row(number++, next));
    if (!out.write(`${lines.join('\n')}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
  await rename(`${file}.tmp`, file);
}
