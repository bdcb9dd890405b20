// Many pairs like those of HH-RLHF out of few: the rows of a source file again and again, each time with other words
// changed, in the form of HH-RLHF (`chosen`, `rejected`, the prompt in both). The same seed gives the same file.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { Failure } from '../shell.mjs';

/** Of all words, so many are replaced by another word of the source. */
const changed = 0.06;

/** mulberry32: numbers in [0, 1). */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A prompt or response as one text, whatever form its row has. */
function text(value) {
  if (typeof value === 'string') return value;
  const messages = Array.isArray(value) ? value : [value];
  return messages.map(({ role, content }) => `\n\n${role === 'assistant' ? 'Assistant' : 'Human'}: ${content}`).join('');
}

async function readPairs(source) {
  const file = createReadStream(source);
  const pairs = [];
  for await (const line of createInterface({ input: source.endsWith('.gz') ? file.pipe(createGunzip()) : file })) {
    if (line.trim() === '') continue;
    const row = JSON.parse(line);
    if (row.chosen === undefined || row.rejected === undefined) {
      throw new Failure(`${source}: rows need "chosen" and "rejected", and "prompt" unless it is in both`);
    }
    let [prompt, chosen, rejected] = [row.prompt === undefined ? '' : text(row.prompt), text(row.chosen), text(row.rejected)];
    if (prompt === '') {
      // Where both go on differently, at the last turn before that.
      let common = 0;
      while (common < chosen.length && chosen[common] === rejected[common]) common++;
      const turn = chosen.lastIndexOf('\n\nAssistant:', common);
      const end = turn < 0 ? 0 : turn + '\n\nAssistant:'.length;
      [prompt, chosen, rejected] = [chosen.slice(0, end), chosen.slice(end), rejected.slice(end)];
    }
    pairs.push({ prompt, chosen, rejected });
  }
  if (pairs.length === 0) throw new Failure(`${source}: no rows`);
  return pairs;
}

/**
 * Writes `count` pairs made of the source's under `cache`, unless they are there.
 *
 * @param source JSON lines, also gzipped, of texts or messages
 * @returns the file
 */
export async function hhLike(source, count, cache) {
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 12);
  await mkdir(cache, { recursive: true });
  const file = join(cache, `${basename(source).replace(/\..*/, '')}-${hash}-${count}.jsonl`);
  if (existsSync(file)) return file;
  const pairs = await readPairs(source);
  const words = pairs.flatMap(({ prompt, chosen, rejected }) => `${prompt} ${chosen} ${rejected}`.match(/[a-z]{2,}/g) ?? []);
  const next = random(42);
  const edited = (whole) => whole.replace(/[a-z]{2,}/g, (word) => (next() < changed ? words[Math.floor(next() * words.length)] : word));
  const out = createWriteStream(`${file}.tmp`);
  for (let row = 0; row < count; row++) {
    const { prompt, chosen, rejected } = pairs[row % pairs.length];
    const shared = edited(prompt);
    const line = JSON.stringify({ chosen: shared + edited(chosen), rejected: shared + edited(rejected) });
    if (!out.write(`${line}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
  await rename(`${file}.tmp`, file);
  return file;
}
