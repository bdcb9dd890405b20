// Carries out executions of readers for `campaign.mjs`, which starts it and starts it again when an input has ended it.
import { copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { WishboneError } from '../../src/core/errors.ts';
import { Random } from './random.mjs';
import { readers } from './readers.mjs';

const [, base, scratch, failing] = process.argv.slice(2);
mkdirSync(scratch, { recursive: true });
mkdirSync(failing, { recursive: true });
const all = readers(base, scratch);
process.send({ ready: Object.entries(all).map(([name, { name: file }]) => [name, file]) });
/** Where it is, for who looks after it: a file in memory costs less than a message for each input. */
const progress = openSync(path.join(scratch, 'progress'), 'w');
const at = new Uint32Array(1);
/** Bytes of this process at most so far, what it held for a moment only included. */
const memory = () => 1024 * process.resourceUsage().maxRSS;
let most = memory();

/** Errors that say what is wrong: ours, and those of the file system. */
const isRefusal = (error) => error instanceof WishboneError || (typeof error?.code === 'string' && /^E[A-Z]+$/.test(error.code));

process.on('message', async ({ reader, seed, from, to }) => {
  const { name, make, read, restore } = all[reader];
  mkdirSync(path.dirname(name), { recursive: true });
  const faults = [];
  const before = process.cpuUsage();
  let [refused, slowest] = [0, 0];
  for (let i = from; i < to; i++) {
    const input = make(new Random(seed, reader, i));
    writeFileSync(name, input);
    at[0] = i;
    writeSync(progress, at, 0, 4, 0);
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
    const now = memory();
    if (now > 1e9 && most <= 1e9) fault(`takes ${Math.round(now / 1e6)} MB`);
    most = now;
  }
  restore?.();
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6;
  process.send({ done: { executions: to - from, refused, faults, slowest, most, cpu } });
});
