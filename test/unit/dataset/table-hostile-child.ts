/**
 * Reads changed copies of Parquet or Arrow files, to be run in a process of its own: what goes wrong may end it.
 *
 *     table-hostile-child.ts KIND COUNT SEED FILE…
 *
 * Prints, as JSON, how many were read and what was slow, large, or no WishboneError.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { arrowRows } from '../../../src/core/dataset/arrow-rows.js';
import { parquetRows } from '../../../src/core/dataset/parquet-rows.js';
import { ByteSource } from '../../../src/core/dataset/source.js';
import { WishboneError } from '../../../src/core/errors.js';

const columns = ['prompt', 'chosen', 'rejected', 'tools', 'responses', 'scores'];
/** Milliseconds and bytes that a file of a few KB may take. */
const [mostTime, mostMemory] = [1000, 2e8];

async function main([kind, count, seed, ...files]: readonly string[]): Promise<void> {
  const rowsOf = kind === 'arrow' ? arrowRows : parquetRows;
  const random = xorshift(Number(seed));
  const pick = (below: number): number => Math.floor(random() * below);
  const wholes = files.map((file) => ({ file, bytes: readFileSync(file) }));
  const target = path.join(tmpdir(), `wishbone-hostile-${process.pid}.${kind}`);
  const found: string[] = [];
  let [runs, refused, at] = [0, 0, 0];
  // Every byte of the first file once, then anything.
  while (runs < Number(count)) {
    const isSweep = at < (wholes[0]?.bytes.length ?? 0);
    const { file, bytes } = wholes[isSweep ? 0 : pick(wholes.length)]!;
    const changed = Buffer.from(bytes);
    const places = isSweep ? [at++] : Array.from({ length: 1 + pick(3) }, () => pick(changed.length));
    for (const place of places) {
      changed[place] = random() < 0.3 ? changed[place]! ^ (1 << pick(8)) : [0, 1, 0x7f, 0x80, 0xff, pick(256)][pick(6)]!;
    }
    // Numbers of four bytes, as lengths and places are.
    if (!isSweep && random() < 0.3) changed.writeInt32LE([-1, 2 ** 31 - 1, -(2 ** 31), pick(2 ** 24)][pick(4)]!, pick(changed.length - 4));
    // Anything at all, but for the marks at both ends.
    if (!isSweep && random() < 0.05) for (let place = 4; place < changed.length - 8; place++) changed[place] = pick(256);
    writeFileSync(target, changed);
    const [time, memory] = [performance.now(), process.resourceUsage().maxRSS];
    try {
      for await (const row of rowsOf(await ByteSource.open(target), { used: columns })) if ('error' in row) refused++;
    } catch (error) {
      refused++;
      if (!(error instanceof WishboneError)) found.push(`${file} ${places.join()}: ${String(error)}`);
    }
    const took = performance.now() - time;
    const grown = 1024 * (process.resourceUsage().maxRSS - memory);
    if (took > mostTime || grown > mostMemory) found.push(`${file} ${places.join()}: ${took.toFixed()} ms, ${grown} bytes`);
    runs++;
  }
  rmSync(target);
  process.stdout.write(JSON.stringify({ runs, refused, found, memory: 1024 * process.resourceUsage().maxRSS }));
}

/** Marsaglia's xorshift. */
function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

void main(process.argv.slice(2));
