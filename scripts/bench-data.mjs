// The data benchmark: `npm run bench:data [-- --pairs 160000 --source hh.jsonl.gz --capacity 8192 --batch-size 256]`.
// Makes many pairs like those of HH-RLHF out of a source (by default the example pairs), a model folder with a vocabulary
// of 128,256 tokens, and runs `wishbone plan --out` on them twice: cold, without any cache, and warm. Beside it the same
// tokenisation by Hugging Face's tokenizers (Python; `--no-peer` leaves it out); the tokens of both must be the same.
// What it makes lies in .cache/bench, or in --work.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { benchModel } from './data/model.mjs';
import { hhLike } from './data/hh-like.mjs';
import { Failure, headline, main, output, root, run, which } from './shell.mjs';

const tokenizersVersion = '0.23.3';

/** Resident memory of a process and all that it started, in bytes. */
function memoryOf(pid) {
  try {
    const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    );
    return children.reduce((sum, child) => sum + memoryOf(child), rss);
  } catch {
    return 0;
  }
}

/** Seconds that all cores together have given a process (utime and stime of proc(5); Linux counts in hundredths). */
function coreSecondsOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Runs the command line once. Its threads are one process; what it prints is JSON. */
function plan(args, env) {
  return new Promise((done, fail) => {
    const began = performance.now();
    const child = spawn(process.execPath, [join(root, 'dist/cli.js'), 'plan', ...args, '--json'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let peak = 0;
    let coreSeconds = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, memoryOf(child.pid));
      coreSeconds = Math.max(coreSeconds, coreSecondsOf(child.pid));
    }, 50);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
    child.on('close', (code) => {
      clearInterval(watch);
      if (code !== 0) fail(new Failure(`wishbone plan: exit code ${code}`));
      else done({ summary: JSON.parse(text), seconds: (performance.now() - began) / 1000, coreSeconds, peak });
    });
  });
}

/** The cores' seconds say more than the clock's when other programs run. */
function row(name, seconds, coreSeconds, memory) {
  return { run: name, seconds: seconds.toFixed(2), 'core seconds': coreSeconds.toFixed(1), 'peak memory': memory };
}

/** A Python with the tokenizers package: WISHBONE_PYTHON, or an environment of the benchmark's own. */
async function python(work) {
  if (process.env.WISHBONE_PYTHON) return process.env.WISHBONE_PYTHON;
  const program = which('python3');
  if (!program) throw new Failure('bench: there is no python3 for the peer; leave it out with --no-peer');
  const folder = join(work, `tokenizers-${tokenizersVersion}`);
  const mark = join(folder, 'lib');
  if (!existsSync(join(folder, 'whole'))) {
    await rm(folder, { recursive: true, force: true });
    await run(program, ['-m', 'venv', folder], { quiet: true });
    await run(join(folder, 'bin/pip'), ['install', '-q', `tokenizers==${tokenizersVersion}`], { quiet: true });
    await mkdir(join(folder, 'whole'));
  }
  return existsSync(mark) ? join(folder, 'bin/python') : program;
}

/** The checksum of scripts/data/peer.py over the tokens that the plan holds. */
async function checksumOf(cache) {
  const { readSafetensors } = await bundled();
  const [name] = readdirSync(join(cache, 'tokens'));
  const { tensors } = await readSafetensors(join(cache, 'tokens', name));
  let checksum = 0;
  let tokens = 0;
  for (let index = 0; tensors.has(`meta.${index}`); index++) {
    const [ids, meta] = [tensors.get(`tokens.${index}`).data, tensors.get(`meta.${index}`).data];
    let at = 0;
    for (let pair = 0; pair < meta.length; pair += 8) {
      const promptLength = meta[pair + 2];
      for (const length of [meta[pair + 3], meta[pair + 4]]) {
        let sum = 0;
        for (const end = at + length; at < end; at++) sum += ids[at];
        checksum = (checksum * 31 + sum + promptLength) % (2 ** 31 - 1);
        tokens += length;
      }
    }
  }
  return { checksum, tokens };
}

async function bundled() {
  const { build: bundle } = await import('esbuild');
  const outfile = join(root, 'build/bench/safetensors.mjs');
  const entryPoints = [join(root, 'src/core/files/safetensors.ts')];
  await bundle({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  return import(outfile);
}

await main(async () => {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '160000' },
      source: { type: 'string', default: join(root, 'examples/preferences.jsonl') },
      capacity: { type: 'string', default: '8192' },
      'batch-size': { type: 'string', default: '256' },
      'max-length': { type: 'string', default: '4096' },
      work: { type: 'string', default: join(root, '.cache/bench') },
      'no-peer': { type: 'boolean', default: false },
    },
  });
  const work = resolve(values.work);
  headline('Making the dataset and the model folder');
  await mkdir(work, { recursive: true });
  const file = await hhLike(resolve(values.source), Number(values.pairs), work);
  const model = await benchModel(work);
  await build();
  const megabytes = (await stat(file)).size / 1e6;
  console.log(`${file}: ${megabytes.toFixed(0)} MB; ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'})`);

  headline('wishbone plan');
  const cache = join(work, 'cache');
  await rm(cache, { recursive: true, force: true });
  const env = { WISHBONE_CACHE: cache, WISHBONE_CACHE_LIMIT: '100' };
  const out = join(work, 'plan.safetensors');
  await rm(out, { force: true });
  const options = ['capacity', 'batch-size', 'max-length'].flatMap((name) => [`--${name}`, values[name]]);
  const args = [file, '--model', model, '--out', out, ...options];
  const rows = [];
  let cold;
  for (const name of ['cold', 'warm']) {
    const { summary, seconds, coreSeconds, peak } = await plan(args, env);
    rows.push(row(name, seconds, coreSeconds, `${(peak / 1e6).toFixed(0)} MB`));
    if (name === 'cold') {
      cold = summary;
      const { pairs, naiveTokens, planTokens, bins, skipped, truncated } = summary;
      console.log({ pairs, naiveTokens, planTokens, bins, skipped, truncated });
    }
  }
  if (!values['no-peer'] && (cold.skipped > 0 || cold.truncated > 0)) {
    console.log('no peer: pairs were cut or left out, which it does not do; raise --max-length');
  } else if (!values['no-peer']) {
    headline('The same tokenisation by tokenizers (Python)');
    const args = [join(root, 'scripts/data/peer.py'), file, join(model, 'tokenizer.json')];
    const peer = JSON.parse(await output(await python(work), args));
    rows.push(row('tokenizers, tokenising alone', peer.encoding, peer.coreSeconds, ''));
    const ours = await checksumOf(cache);
    const whole = ours.tokens === peer.tokens && ours.checksum === peer.checksum;
    console.log(whole ? `the same ${peer.tokens} tokens on both sides` : `tokens differ: ${JSON.stringify({ ours, peer })}`);
    if (!whole) process.exitCode = 1;
  }
  console.table(rows);
});
