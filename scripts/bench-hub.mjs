// The download benchmark: `npm run bench:hub [-- --python PYTHON --files 4 --mebibytes 256 --rounds 3 --limit 20 --work .cache/bench]`.
// One model of large files from the tests' hub on loopback (a process of its own) into an empty cache, by Wishbone and by
// huggingface_hub's snapshot_download, which `hf download` is, in turn; seconds within the process. Once as fast as it goes, and once
// with every connection held to `--limit` MB/s, as servers far away hold them. Both caches must hold the same bytes.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, headline, main, output, root } from './shell.mjs';

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Starts the hub; resolves to its address and the way to end it. */
async function serve(files, mebibytes, speed) {
  const script = join(root, 'scripts/hub/serve.mjs');
  const child = spawn(process.execPath, ['--import', 'tsx', script, String(files), String(mebibytes), String(speed)], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => child.once('exit', done));
  const endpoint = await new Promise((done, fail) => {
    child.stdout.once('data', (text) => done(String(text).trim()));
    void ended.then(() => fail(new Failure('the hub did not start')));
  });
  return {
    endpoint,
    end: () => {
      child.stdin.end();
      return ended;
    },
  };
}

/** SHA-256 of a cache's blobs, by name. */
async function hashes(cache) {
  const folder = join(cache, 'models--bench--model/blobs');
  const found = [];
  for (const name of (await readdir(folder)).sort()) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 1 << 20 })) hash.update(chunk);
    found.push(`${name} ${hash.digest('hex')}`);
  }
  return found.join('\n');
}

main(async () => {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: process.env.WISHBONE_PYTHON ?? 'python3' },
      files: { type: 'string', default: '4' },
      mebibytes: { type: 'string', default: '256' },
      rounds: { type: 'string', default: '3' },
      limit: { type: 'string', default: '20' },
      work: { type: 'string', default: join(root, '.cache/bench') },
    },
  });
  const [files, mebibytes, rounds, limit] = [values.files, values.mebibytes, values.rounds, values.limit].map(Number);
  const work = resolve(values.work);
  await mkdir(work, { recursive: true });
  const version = await output(values.python, ['-c', 'import huggingface_hub; print(huggingface_hub.__version__)']).catch(() => {
    throw new Failure(`${values.python} has no huggingface_hub: --python names one that has`);
  });
  const python =
    'import time\nfrom huggingface_hub import snapshot_download\nbegan = time.perf_counter()\nsnapshot_download("bench/model")\nprint(time.perf_counter() - began)';
  const clients = {
    Wishbone: [process.execPath, ['--import', 'tsx', join(root, 'scripts/hub/fetch.mjs')]],
    huggingface_hub: [values.python, ['-c', python]],
  };
  const total = (files * mebibytes * 2 ** 20) / 1e6;
  headline(
    `${files} files of ${mebibytes} MiB, ${availableParallelism()} cores of ${cpus()[0]?.model}, huggingface_hub ${version.trim()} without Xet`,
  );
  for (const speed of [0, limit]) {
    const hub = await serve(files, mebibytes, speed * 1e6);
    const seconds = { Wishbone: [], huggingface_hub: [] };
    const held = new Set();
    try {
      for (let round = 0; round < rounds; round++) {
        for (const [name, [program, args]] of Object.entries(clients)) {
          const cache = join(work, `hub-${name}`);
          await rm(cache, { recursive: true, force: true });
          const env = {
            ...process.env,
            HF_ENDPOINT: hub.endpoint,
            HF_HUB_CACHE: cache,
            HF_HUB_DISABLE_XET: '1',
            HF_HUB_DISABLE_PROGRESS_BARS: '1',
          };
          seconds[name].push(Number(await output(program, args, { cwd: root, env })));
          held.add(await hashes(cache));
          await rm(cache, { recursive: true, force: true });
        }
      }
    } finally {
      await hub.end();
    }
    if (held.size !== 1) throw new Failure('the caches do not hold the same bytes');
    console.log(speed === 0 ? '\nas fast as it goes' : `\n${speed} MB/s a connection`);
    for (const [name, all] of Object.entries(seconds)) {
      const each = all.map((second) => second.toFixed(2)).join(', ');
      console.log(`${name.padEnd(16)} ${median(all).toFixed(2)} s  ${(total / median(all)).toFixed(0)} MB/s  (${each})`);
    }
    console.log(`ratio ${(median(seconds.huggingface_hub) / median(seconds.Wishbone)).toFixed(2)}`);
  }
});
