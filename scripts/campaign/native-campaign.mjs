// Fuzzes the readers of the runner: files are made here and read by native-runner/test/campaign/read_files.cpp, with
// AddressSanitizer and UBSan where it was built with them.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Failure, root } from '../shell.mjs';
import { mutateBytes, mutateJson, mutateSafetensors, mutateText } from './mutate.mjs';
import { Random } from './random.mjs';

const MOST_SILENCE = 10_000;

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
  copyFileSync(path.join(tiny, 'config.json'), path.join(weights, 'config.json'));
  const events = readFileSync(path.join(base, 'run/events.jsonl'), 'utf8').trimEnd().split('\n');
  const configs = readdirSync(path.join(root, 'test/fixtures/hf'))
    .map((name) => path.join(root, 'test/fixtures/hf', name, 'model/config.json'))
    .filter((file) => existsSync(file))
    .map(json);
  const [plan, model_, adapterConfig, runJson] = [
    readFileSync(path.join(base, 'plan.safetensors')),
    readFileSync(path.join(tiny, 'model.safetensors')),
    json(path.join(base, 'adapter/adapter_config.json')),
    json(path.join(base, 'run/run.json')),
  ];
  const patterns = Object.keys(json(path.join(root, 'native-runner/test/core/module_patterns.json')).matched);
  const step = readdirSync(path.join(base, 'run/checkpoints')).sort()[0];
  const state = json(path.join(base, 'run/checkpoints', step, 'state.json'));
  return {
    safetensors: [path.join(scratch, 'a.safetensors'), (random) => mutateSafetensors(random, model_)],
    plan: [path.join(scratch, 'plan.safetensors'), (random) => mutateSafetensors(random, plan, 'wishbone')],
    'run.json': [path.join(run, 'run.json'), (random) => mutateJson(random, runJson)],
    'config.json': [path.join(model, 'config.json'), (random) => mutateJson(random, random.of(configs))],
    weights: [path.join(weights, 'model.safetensors'), (random) => mutateSafetensors(random, model_)],
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
  const all = inputs(base, scratch);
  let child;
  let answer = () => undefined;
  const start = () => {
    child = spawn(program, [], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024',
        UBSAN_OPTIONS: 'print_stacktrace=1',
      },
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-4000)));
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => answer(line));
    child.on('exit', (code, signal) =>
      answer(
        `fault ends the process (${signal ?? code}): ${/(ERROR: AddressSanitizer[^\n]*|runtime error[^\n]*)/.exec(errors)?.[0] ?? errors.slice(0, 300).replaceAll('\n', ' | ')}`,
        true,
      ),
    );
  };
  start();
  const ask = (reader, file) =>
    new Promise((done) => {
      const watch = setTimeout(() => {
        const silent = child;
        answer = () => undefined;
        silent.kill('SIGKILL');
        start();
        done('fault has no end');
      }, MOST_SILENCE);
      answer = (line, hasEnded = false) => {
        clearTimeout(watch);
        if (hasEnded) start();
        done(line);
      };
      child.stdin.write(`${reader}\t${file}\n`);
    });
  const names = Object.keys(all);
  for (const name of names) report.set(name, { executions: 0, refused: 0, faults: [], slowest: 0, most: 0 });
  for (let i = 0; Date.now() < until; i++) {
    const name = names[i % names.length];
    const [file, make] = all[name];
    const sum = report.get(name);
    writeFileSync(file, make(new Random(seed, 'native', name, i)));
    const begin = performance.now();
    const said = await ask(name === 'patterns' ? 'adapter' : name, file);
    sum.slowest = Math.max(sum.slowest, performance.now() - begin);
    sum.executions++;
    if (said === 'refused') sum.refused++;
    if (!said.startsWith('fault')) continue;
    const kept = path.join(failing, `native-${name}-${seed}-${i}-${path.basename(file)}`);
    copyFileSync(file, kept);
    sum.faults.push({ what: said, kept });
    console.log(`fault: native ${name}, input ${i}: ${said.slice(6)}\n  kept as ${kept}`);
  }
  answer = () => undefined;
  child.kill('SIGKILL');
  return report;
}
