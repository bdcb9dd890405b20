// How a run starts (warm-up, an adapter's reference, threads) and what it leaves for others (templates, files beside the weights).

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import type { StepEvent } from '../../src/core/events/events.js';
import { readSafetensors } from '../../src/core/files/safetensors.js';
import { layOutRun } from './fixture-run.js';
import { assertClose, floats } from './numbers.js';
import { briefData, cli, exampleModel, type Outcome, repository, runnerCommand, temporaryFolder, wishbone } from './support.js';

const few = ['--model', exampleModel, '--preset', 'quick', '--epochs', '1', '--batch-size', '8', '--json'];

async function someRows(folder: string, change: (row: Record<string, unknown>) => object = (row) => row): Promise<string> {
  const file = join(folder, 'few.jsonl');
  const rows = (await readFile(briefData(), 'utf8')).split('\n').slice(0, 24);
  await writeFile(file, rows.map((row) => JSON.stringify(change(JSON.parse(row) as Record<string, unknown>))).join('\n'));
  return file;
}

async function train(...args: string[]): Promise<string> {
  const result = await wishbone('train', ...args);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
  return (JSON.parse(result.stdout) as { folder: string }).folder;
}

async function stepsOf(run: string): Promise<StepEvent[]> {
  return (await readEvents(run)).flatMap((event) => (event.type === 'step' ? [event] : []));
}

async function json(file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
}

const ok = ({ code, stderr }: Outcome): void => assert.equal(code, 0, stderr);

test('warm-up: no steps are none, however many the ratio would be; by flag and by run config alike', async (t) => {
  const folder = await temporaryFolder(t);
  const data = await someRows(folder);
  const schedule = ['--lr-scheduler-type', 'constant', '--learning-rate', '1e-4', '--runs', join(folder, 'runs')];
  const rates = async (run: string): Promise<unknown[]> => (await stepsOf(run)).map((step) => step.learning_rate);
  assert.deepEqual(await rates(await train(data, ...few, ...schedule, '--warmup-steps', '0')), [1e-4, 1e-4, 1e-4]);
  assert.deepEqual(await rates(await train(data, ...few, ...schedule)), [0, 1e-4, 1e-4]);
  assert.deepEqual(await rates(await train(data, ...few, ...schedule, '--warmup-steps', '2', '--warmup-ratio', '1')), [0, 5e-5, 1e-4]);
  const config = join(folder, 'none.wishbone.json');
  await writeFile(
    config,
    JSON.stringify({
      version: 1,
      model: exampleModel,
      dataset: data,
      plan: { batch_size: 8 },
      training: { warmup_steps: 0, warmup_ratio: 0.5, lr_scheduler_type: 'constant', learning_rate: 1e-4 },
    }),
  );
  assert.deepEqual(await rates(await train(config, '--json', '--runs', join(folder, 'runs'))), [1e-4, 1e-4, 1e-4]);
});

interface Curves {
  readonly loss: readonly number[];
  readonly 'rewards/margins': readonly number[];
  readonly grad_norm: readonly number[];
  readonly norms: Readonly<Record<string, number>>;
}

for (const name of ['lora-all-linear', 'lora-patterns']) {
  const folder = join(repository, 'test/fixtures/hf', name);
  const layOut = async (run: string, change: object): Promise<void> => {
    const { model, training } = (await json(join(folder, 'training.json'))) as { model: string; training: object };
    const adapter_name_or_path = join(folder, 'adapter');
    await layOutRun(run, join(folder, 'plan-pair.safetensors'), resolve(folder, model), { ...training, adapter_name_or_path, ...change });
  };

  for (const adapter_reference of ['adapter', 'base'] as const) {
    for (const reference of ['precompute', 'in_step'] as const) {
      test(`${name}, reference ${adapter_reference}, ${reference}: the steps that TRL takes from an adapter`, async (t) => {
        const expected = ((await json(join(folder, 'trl.json'))) as unknown as Record<string, Curves>)[adapter_reference]!;
        const run = join(await temporaryFolder(t), 'run');
        await layOut(run, { adapter_reference, reference });
        ok(await runnerCommand('train', run));
        const steps = await stepsOf(run);
        if (adapter_reference === 'adapter') assert.ok(Math.abs(steps[0]!.loss! - Math.LN2) < 1e-6, String(steps[0]!.loss));
        for (const field of ['loss', 'rewards/margins', 'grad_norm'] as const)
          assertClose(
            steps.map((step) => step[field] ?? NaN),
            expected[field],
            1e-5,
            field,
          );
        const trained = await readSafetensors(join(run, 'export/adapter_model.safetensors'));
        assert.equal(trained.tensors.size, Object.keys(expected.norms).length);
        for (const [tensor, norm] of Object.entries(expected.norms)) {
          const values = floats(trained, `base_model.model.${tensor}`);
          assertClose([Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))], [norm], 1e-4, tensor);
        }
      });
    }
  }

  test(`${name}: a run held to its start adapter goes on bit for bit, though that adapter is gone`, async (t) => {
    const runs = await temporaryFolder(t);
    for (const reference of ['precompute', 'in_step']) {
      const run = join(runs, reference);
      await layOut(run, { adapter_reference: 'adapter', reference, save_steps: 1, save_total_limit: 0 });
      ok(await runnerCommand('train', run));
      const exported = await readFile(join(run, 'export/adapter_model.safetensors'));
      const losses = (await stepsOf(run)).map((step) => step.loss);
      await rm(join(run, 'export'), { recursive: true });
      for (const step of [2, 3]) await rm(join(run, `checkpoints/step-00000${step}`), { recursive: true });
      ok(await runnerCommand('train', run, '--resume'));
      assert.deepEqual(await readFile(join(run, 'export/adapter_model.safetensors')), exported);
      assert.deepEqual(
        (await stepsOf(run)).slice(-2).map((step) => step.loss),
        losses.slice(-2),
      );
    }
  });
}

test('a start adapter is the reference by default, also when steps follow supervised LoRA; runs of before are held to the base', async (t) => {
  const folder = await temporaryFolder(t);
  const data = await someRows(folder);
  const lora = ['--use-peft', '--lora-r', '4', '--learning-rate', '1e-2', '--warmup-steps', '0'];
  const first = await train(data, ...few, ...lora, '--runs', join(folder, 'runs'));
  const from = ['--use-peft', '--adapter-name-or-path', join(first, 'export'), '--runs', join(folder, 'further')];
  const further = await train(data, ...few, ...from, '--sample-steps', '1', '--sample-count', '2', '--learning-rate', '0');
  assert.ok(Math.abs((await stepsOf(further))[0]!.loss! - Math.LN2) < 1e-6);
  // What samples call the reference is that adapter too: nothing was trained, so both complete alike.
  const samples = (await readEvents(further)).flatMap((event) => (event.type === 'sample' ? [event] : []));
  assert.deepEqual(samples[0]!.model, 'reference');
  assert.deepEqual(samples.at(-1)!.completions, samples[0]!.completions);
  const printed = await wishbone('sample', further, '--dataset', data, '--json', '--max-new-tokens', '8');
  ok(printed);
  for (const { policy, reference } of (JSON.parse(printed.stdout) as { samples: { policy: string; reference: string }[] }).samples)
    assert.equal(reference, policy);

  const base = await train(data, ...few, ...from, '--adapter-reference', 'base', '--learning-rate', '0');
  assert.ok(Math.abs((await stepsOf(base))[0]!.loss! - Math.LN2) > 1e-3);
  // As an older Wishbone wrote it.
  const run = join(base, 'run.json');
  const { training, ...rest } = (await json(run)) as { training: Record<string, unknown> };
  const { adapter_reference: _, ...older } = training;
  await writeFile(run, JSON.stringify({ ...rest, training: older }));
  for (const name of ['events.jsonl', 'reference.safetensors', 'export', 'checkpoints'])
    await rm(join(base, name), { recursive: true, force: true });
  ok(await runnerCommand('train', base));
  assert.ok(Math.abs((await stepsOf(base))[0]!.loss! - Math.LN2) > 1e-3);
});

/** The example model in a folder of its own. */
async function modelCopy(folder: string): Promise<string> {
  const model = join(folder, 'model');
  await cp(exampleModel, model, { recursive: true });
  return model;
}

const conversation = ({ prompt, chosen, rejected }: Record<string, unknown>): object => ({
  prompt: [{ role: 'user', content: String(prompt) }],
  chosen: [{ role: 'assistant', content: String(chosen) }],
  rejected: [{ role: 'assistant', content: String(rejected) }],
});

for (const kind of ['whole', 'adapter', 'merged'] as const) {
  test(`a stand-in chat template is the export's own: ${kind}`, async (t) => {
    const folder = await temporaryFolder(t);
    const model = await modelCopy(folder);
    // Templates of the model that must not stand beside the one that was trained on.
    await writeFile(join(model, 'chat_template.jinja'), 'another: {{ messages[0].content }}');
    await mkdir(join(model, 'additional_chat_templates'));
    await writeFile(join(model, 'additional_chat_templates/tool_use.jinja'), 'tools');
    const data = await someRows(folder, conversation);
    const lora = kind === 'whole' ? [] : ['--use-peft', '--lora-r', '2', ...(kind === 'merged' ? ['--merge-adapter'] : [])];
    const run = await train(data, ...few, '--model', model, ...lora, '--chat-template', 'zephyr', '--runs', join(folder, 'runs'));
    const exported = join(run, 'export');
    const template = await readFile(join(exported, 'chat_template.jinja'), 'utf8');
    assert.match(template, /<\|'? ?\+ message\.role|message\.role/);
    assert.ok(!existsSync(join(exported, 'additional_chat_templates')));
    if (kind === 'merged') assert.equal(await readFile(join(run, 'adapter/chat_template.jinja'), 'utf8'), template);
    if (kind === 'adapter') return;
    const sampled = async (...args: string[]): Promise<string> => {
      const result = await wishbone('sample', ...args, '--prompt', 'hi', '--json', '--max-new-tokens', '8');
      ok(result);
      return (JSON.parse(result.stdout) as { samples: { policy: string }[] }).samples[0]!.policy;
    };
    assert.equal(await sampled(exported), await sampled(run));
  });
}

test('exports carry templates, processors and the licence; a link that leaves the model folder is not followed', async (t) => {
  const folder = await temporaryFolder(t);
  const model = await modelCopy(folder);
  const secret = join(folder, 'id_rsa');
  await writeFile(secret, 'PRIVATE');
  const carried = [
    'chat_template.jinja',
    'additional_chat_templates/rag.jinja',
    'spiece.model',
    'tokenizer.model',
    'tokenizer.model.v3',
    'tekken.json',
    'qwen.tiktoken',
    'processor_config.json',
    'preprocessor_config.json',
    'video_preprocessor_config.json',
    'LICENSE',
    'NOTICE.txt',
    'license.md',
    'USE_POLICY.md',
  ];
  const left = ['modeling_own.py', 'pytorch_model.bin', 'notes.txt', 'optimizer.pt'];
  await mkdir(join(model, 'additional_chat_templates'));
  for (const name of [...carried, ...left]) await writeFile(join(model, name), `of ${name}`);
  await rm(join(model, 'special_tokens_map.json'));
  await symlink(secret, join(model, 'special_tokens_map.json'));
  await symlink('LICENSE', join(model, 'COPYING'));
  await symlink(secret, join(model, 'additional_chat_templates/own.jinja'));
  const plan = join(repository, 'test/fixtures/hf/mha-tied-fp32/plan-pair.safetensors');
  const training = (await json(join(repository, 'test/fixtures/hf/train-linear/training.json')))['training'] as object;
  const check = async (exported: string, stderr: string): Promise<void> => {
    for (const name of carried) assert.equal(await readFile(join(exported, name), 'utf8'), `of ${name}`, name);
    assert.equal(await readFile(join(exported, 'COPYING'), 'utf8'), 'of LICENSE');
    for (const name of [...left, 'special_tokens_map.json', 'additional_chat_templates/own.jinja'])
      assert.ok(!existsSync(join(exported, name)), name);
    assert.match(stderr, /warning: .*special_tokens_map\.json leads out of its folder/);
  };
  for (const [name, options] of [
    ['whole', {}],
    ['adapter', { use_peft: true, lora_r: 2 }],
  ] as const) {
    const run = join(folder, name);
    await layOutRun(run, plan, model, { ...training, ...options });
    const result = await runnerCommand('train', run);
    ok(result);
    await check(join(run, 'export'), result.stderr);
    assert.equal(existsSync(join(run, 'export/generation_config.json')), name === 'whole');
  }
  // A snapshot of the Hugging Face cache is nothing but links.
  const hub = join(folder, 'models--own--tiny');
  const snapshot = join(hub, 'snapshots/0123');
  await mkdir(join(hub, 'blobs'), { recursive: true });
  await mkdir(snapshot, { recursive: true });
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'LICENSE']) {
    await cp(join(model, name), join(hub, 'blobs', `hash-${name}`));
    await symlink(`../../blobs/hash-${name}`, join(snapshot, name));
  }
  const run = join(folder, 'hub');
  await layOutRun(run, plan, snapshot, training);
  const result = await runnerCommand('train', run);
  ok(result);
  assert.doesNotMatch(result.stderr, /leads out/);
  for (const name of ['tokenizer.json', 'LICENSE'])
    assert.deepEqual(await readFile(join(run, 'export', name)), await readFile(join(snapshot, name)));
});

test('the number of threads is kept with the run, and a resume takes it, also where there are fewer cores', async (t) => {
  const folder = await temporaryFolder(t);
  const plan = join(repository, 'test/fixtures/hf/train-linear/plan-pair.safetensors');
  const model = join(repository, 'test/fixtures/hf/mha-tied-fp32/model');
  const training = (await json(join(repository, 'test/fixtures/hf/train-linear/training.json')))['training'] as object;
  const layOut = async (name: string, threads: number): Promise<string> => {
    const run = join(folder, name);
    await layOutRun(run, plan, model, { ...training, save_steps: 10, save_total_limit: 0 });
    const config = await json(join(run, 'run.json'));
    await writeFile(join(run, 'run.json'), JSON.stringify({ ...config, runner: { backend: 'cpu', threads } }));
    return run;
  };
  const threadsOf = async (run: string): Promise<unknown> => ((await json(join(run, 'run.json')))['runner'] as { threads: number }).threads;

  const all = await layOut('all', 0);
  ok(await runnerCommand('train', all));
  assert.equal(await threadsOf(all), availableParallelism());

  const many = await layOut('many', 64);
  const begun = await runnerCommand('train', many);
  ok(begun);
  assert.equal(await threadsOf(many), 64);
  assert.match(begun.stderr, /warning: the run has 64 threads, this machine \d+ cores/);
  const whole = await readFile(join(many, 'export/model.safetensors'));
  await rm(join(many, 'export'), { recursive: true });
  await rm(join(many, 'checkpoints/step-000020'), { recursive: true });
  ok(await runnerCommand('train', many, '--resume'));
  assert.deepEqual(await readFile(join(many, 'export/model.safetensors')), whole);
  const starts = (await readEvents(many)).filter((event) => event.type === 'start');
  assert.deepEqual(
    starts.map((event) => event.threads),
    [64, 64],
  );
});

test('a command works without a home folder, also for a user whom the system does not know', async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  const file = join(folder, 'pairs.jsonl');
  await writeFile(file, '{"prompt":"Hi","chosen":" yes","rejected":" no"}\n', { mode: 0o644 });
  const { execa } = await import('execa');
  // As containers have it that run as some number.
  const nobody = { uid: 54_321, gid: 54_321 };
  const looks = await execa(process.execPath, ['-e', 'require("fs").accessSync(process.argv[1])', cli], {
    reject: false,
    ...(process.getuid?.() === 0 ? nobody : {}),
  });
  const unknown = process.getuid?.() === 0 && looks.exitCode === 0 ? nobody : {};
  for (const HOME of [undefined, '']) {
    const env = { PATH: process.env['PATH'], ...(HOME === undefined ? {} : { HOME }) };
    const options = { reject: false, stdin: 'ignore', extendEnv: false, env, cwd: folder, ...unknown } as const;
    const { exitCode, stdout, stderr } = await execa(process.execPath, [cli, 'check', file], options);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /1 pair in 1 row/);
    const cache = await execa(process.execPath, [cli, 'cache', '--json'], options);
    const kept = (JSON.parse(cache.stdout) as { folder: string }).folder;
    assert.ok(isAbsolute(kept), kept);
    assert.ok(!kept.startsWith(folder), kept);
  }
});
