// Fuzzes the readers of the runner: files are made here, varied and read by native-runner/test/campaign/read_files.cpp, with
// AddressSanitizer and UBSan where it was built with them. The next input is made while the last one is read.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Failure, root } from '../shell.mjs';
import { mutateBytes, mutateJson, mutateSafetensors, mutateText } from './mutate.mjs';
import { Random } from './random.mjs';
import { smallModel } from './small-model.mjs';

const MOST_SILENCE = 10_000;
const MOST_MEMORY = 1e9;
/**
 * Of each input that is made here, so many are read: it, and what the reading process makes of it (variants.cpp). As many as take
 * so many milliseconds, so that each reader gets the same time.
 */
const VARIANTS = { least: 16, most: 1024, milliseconds: 50 };

/** @param sanitize whether to build it with sanitizers first, in a folder of its own: some minutes, once */
export function nativeProgram(sanitize) {
  const plain = path.join(root, 'build/native/test/read_files');
  if (!sanitize) return existsSync(plain) ? plain : undefined;
  const build = path.join(root, 'build/sanitized');
  const done = (args) => spawnSync('cmake', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  const configured = done([
    '-S',
    path.join(root, 'native-runner'),
    '-B',
    build,
    '-DCMAKE_BUILD_TYPE=Release',
    '-DWISHBONE_SANITIZE=address,undefined',
    '-DWISHBONE_TESTS=ON',
  ]);
  if (!configured || !done(['--build', build, '--parallel', '2', '--target', 'read_files']))
    throw new Failure('campaign: the sanitized readers cannot be built');
  return path.join(build, 'test/read_files');
}

function inputs(base, scratch) {
  const json = (file) => JSON.parse(readFileSync(file, 'utf8'));
  const [run, model, adapter, weights, checkpoint] = ['run', 'model', 'adapter', 'weights', 'checkpointed/checkpoints/step-000002'].map(
    (name) => path.join(scratch, name),
  );
  for (const folder of [run, model, adapter, weights, checkpoint]) mkdirSync(folder, { recursive: true });
  const tiny = path.join(root, 'examples/tiny-llama');
  cpSync(tiny, path.join(adapter, 'base'), { recursive: true });
  copyFileSync(path.join(base, 'adapter/adapter_model.safetensors'), path.join(adapter, 'adapter_model.safetensors'));
  const small = smallModel(tiny);
  writeFileSync(path.join(weights, 'config.json'), JSON.stringify(small.config));
  const events = readFileSync(path.join(base, 'run/events.jsonl'), 'utf8').trimEnd().split('\n');
  const configs = readdirSync(path.join(root, 'test/fixtures/hf'))
    .map((name) => path.join(root, 'test/fixtures/hf', name, 'model/config.json'))
    .filter((file) => existsSync(file))
    .map(json);
  const [plan, adapterConfig, runJson] = [
    readFileSync(path.join(base, 'plan.safetensors')),
    json(path.join(base, 'adapter/adapter_config.json')),
    json(path.join(base, 'run/run.json')),
  ];
  const patterns = Object.keys(json(path.join(root, 'native-runner/test/core/module_patterns.json')).matched);
  const step = readdirSync(path.join(base, 'run/checkpoints')).sort()[0];
  const state = json(path.join(base, 'run/checkpoints', step, 'state.json'));
  const good = {
    safetensors: small.weights,
    plan,
    'run.json': JSON.stringify(runJson),
    weights: small.weights,
    adapter: JSON.stringify(adapterConfig),
    checkpoint: JSON.stringify(state),
    events: events.join('\n'),
  };
  const made = {
    safetensors: [path.join(scratch, 'a.safetensors'), (random) => mutateSafetensors(random, small.weights)],
    plan: [path.join(scratch, 'plan.safetensors'), (random) => mutateSafetensors(random, plan, 'wishbone')],
    'run.json': [path.join(run, 'run.json'), (random) => mutateJson(random, runJson)],
    'config.json': [path.join(model, 'config.json'), (random) => mutateJson(random, random.of(configs))],
    weights: [path.join(weights, 'model.safetensors'), (random) => mutateSafetensors(random, small.weights)],
    adapter: [path.join(adapter, 'adapter_config.json'), (random) => mutateJson(random, adapterConfig)],
    patterns: [
      path.join(adapter, 'adapter_config.json'),
      (random) => {
        const pattern = () => mutateText(random, random.of(patterns));
        return JSON.stringify({
          ...adapterConfig,
          target_modules: pattern(),
          ...(random.once(2) ? { rank_pattern: { [pattern()]: 4 } } : {}),
        });
      },
    ],
    checkpoint: [path.join(checkpoint, 'state.json'), (random) => mutateJson(random, state)],
    events: [
      path.join(scratch, 'events.jsonl'),
      (random) =>
        events
          .map((line) =>
            random.once(3)
              ? mutateJson(random, JSON.parse(line))
              : random.once(9)
                ? mutateBytes(random, Buffer.from(line)).toString('latin1')
                : random.once(9)
                  ? mutateText(random, line)
                  : line,
          )
          .join('\n') + random.of(['', '\n']),
    ],
  };
  // Variants of what is good are one step away from it; of what was changed before, some are refused for that already.
  for (const [name, bytes] of Object.entries(good)) {
    const [, make] = made[name];
    made[name][1] = (random) => (random.once(2) ? bytes : make(random));
  }
  return made;
}

/** The process that reads, started again when an input has ended it. */
class Reader {
  #program;
  #child;
  #answer = () => undefined;

  constructor(program) {
    this.#program = program;
    this.#start();
  }

  #start() {
    const child = spawn(this.#program, [], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        // What was freed is kept for a while, to see who reads it; more than this only fills the memory that is looked at.
        ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024:quarantine_size_mb=64',
        UBSAN_OPTIONS: 'print_stacktrace=1',
      },
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-4000)));
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => this.#answer(line));
    child.on('exit', (code, signal) => {
      if (child !== this.#child) return;
      this.#start();
      const said = /(ERROR: AddressSanitizer[^\n]*|runtime error[^\n]*)/.exec(errors)?.[0] ?? errors.slice(0, 300);
      this.#answer(`fault\t1\t0\t0\t0\t0\tends the process (${signal ?? code}): ${said.replaceAll(/[\n\t]/g, ' | ')}`);
    });
    this.#child = child;
  }

  /** Has a batch read. @returns what read_files.cpp answers, or the like of it when the process ended or said nothing */
  async ask(...fields) {
    const answered = new Promise((done) => (this.#answer = done));
    const watch = setTimeout(() => {
      const silent = this.#child;
      this.#start();
      silent.kill('SIGKILL');
      this.#answer(`fault\t1\t0\t${1000 * MOST_SILENCE}\t0\t0\thas no end`);
    }, MOST_SILENCE);
    this.#child.stdin.write(`${fields.join('\t')}\n`);
    const [, executions, refused, slowest, most, cpu, what] = (await answered).split('\t');
    clearTimeout(watch);
    return { executions: Number(executions), refused: Number(refused), slowest: slowest / 1000, most: 1024 * most, cpu: cpu / 1e6, what };
  }

  end() {
    const child = this.#child;
    this.#child = undefined;
    child.kill('SIGKILL');
  }
}

/** @returns by reader what there is to report */
export async function fuzzNative({ base, scratch, failing, seed, until, sanitize }) {
  const program = nativeProgram(sanitize);
  const report = new Map();
  if (program === undefined) {
    console.log('native readers: skipped, they are not built (npm run build:native -- --tests)');
    return report;
  }
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  mkdirSync(failing, { recursive: true });
  const all = inputs(base, scratch);
  const names = Object.keys(all);
  const variants = new Map(names.map((name) => [name, VARIANTS.least]));
  for (const name of names) report.set(name, { executions: 0, refused: 0, faults: [], slowest: 0, most: 0, cpu: 0 });
  const made = (i) => {
    const name = names[i % names.length];
    const file = path.join(scratch, `input-${i % 2}`);
    writeFileSync(file, all[name][1](new Random(seed, 'native', name, i)));
    return file;
  };
  const reader = new Reader(program);
  let input = made(0);
  for (let i = 0; Date.now() < until; i++) {
    const name = names[i % names.length];
    const [file] = all[name];
    const begin = performance.now();
    const asked = reader.ask(name === 'patterns' ? 'adapter' : name, input, file, BigInt(seed) * 2n ** 32n + BigInt(i), variants.get(name));
    input = made(i + 1);
    const { executions, refused, slowest, most, cpu, what } = await asked;
    const wanted = (variants.get(name) * VARIANTS.milliseconds) / (performance.now() - begin);
    variants.set(name, Math.max(VARIANTS.least, Math.min(VARIANTS.most, 2 * variants.get(name), Math.round(wanted))));
    const sum = report.get(name);
    sum.executions += executions;
    sum.refused += refused;
    sum.cpu += cpu;
    sum.slowest = Math.max(sum.slowest, slowest);
    const isLarge = most > MOST_MEMORY && sum.most <= MOST_MEMORY;
    sum.most = Math.max(sum.most, most);
    const fault = what ?? (isLarge ? `takes ${Math.round(most / 1e6)} MB` : undefined);
    if (fault === undefined) continue;
    const kept = path.join(failing, `native-${name}-${seed}-${i}-${path.basename(file)}`);
    copyFileSync(file, kept);
    sum.faults.push({ what: fault, kept });
    console.log(`fault: native ${name}, input ${i}, variant ${executions - 1}: ${fault}\n  kept as ${kept}`);
  }
  reader.end();
  return report;
}
