// Carries out executions of readers for `campaign.mjs`, which starts it and starts it again when an input has ended it.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { WishboneError } from '../../src/core/errors.ts';
import { Random } from './random.mjs';
import { readers } from './readers.mjs';

const [, base, scratch, failing] = process.argv.slice(2);
mkdirSync(scratch, { recursive: true });
mkdirSync(failing, { recursive: true });
const all = readers(base, scratch);
process.send({ ready: Object.keys(all) });

/** Errors that say what is wrong: ours, and those of the file system. */
const isRefusal = (error) => error instanceof WishboneError || (typeof error?.code === 'string' && /^E[A-Z]+$/.test(error.code));

process.on('message', async ({ reader, seed, from, to }) => {
  const { name, make, read, restore } = all[reader];
  mkdirSync(path.dirname(name), { recursive: true });
  const faults = [];
  let [refused, slowest, most] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const input = make(new Random(seed, reader, i));
    writeFileSync(name, input);
    process.send({ at: i, name });
    const fault = (what) => {
      const kept = path.join(failing, `${reader.replaceAll(/[^\w.]/g, '-')}-${seed}-${i}-${path.basename(name)}`);
      copyFileSync(name, kept);
      faults.push({ i, what, kept });
    };
    const begin = performance.now();
    try {
      await read(name);
    } catch (error) {
      if (isRefusal(error)) refused++;
      else
        fault(
          String(error?.stack ?? error)
            .split('\n')
            .slice(0, 4)
            .join(' | '),
        );
    }
    const milliseconds = performance.now() - begin;
    slowest = Math.max(slowest, milliseconds);
    if (milliseconds > 10_000) fault(`takes ${Math.round(milliseconds / 1000)} s`);
    const memory = process.memoryUsage.rss();
    if (memory > 1e9 && most <= 1e9) fault(`takes ${Math.round(memory / 1e6)} MB`);
    most = Math.max(most, memory);
  }
  restore?.();
  process.send({ done: { executions: to - from, refused, faults, slowest, most } });
});
