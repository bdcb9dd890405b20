import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DEFAULT_TRAINING, OPTION_PATHS } from '../../../src/core/options/index.js';
import type { RunConfig } from '../../../src/core/run/index.js';
import { trackRun, type Tracked, type Variables } from '../../../src/core/trackers/index.js';
import type { Patience } from '../../../src/core/trackers/deliver.js';
import { type StandInMlflow, standInMlflow, type StandInRun } from '../../support/stand-in-mlflow.js';
import { evalLine, exampleConfig, startLine, stepLine, until } from '../run/support.js';
import { append, failedLine, finishedLine, QUICK, stoppedLine, trackedFolder } from './support.js';

interface Setting {
  readonly server: StandInMlflow;
  readonly folder: string;
  readonly variables: Variables;
  /** Told of troubles, in their order. */
  readonly troubles: string[];
  track(patience?: Partial<Patience>, signal?: AbortSignal): Promise<readonly Tracked[] | undefined>;
}

async function begin(
  t: TestContext,
  changed: Partial<RunConfig> = {},
  options: Parameters<typeof standInMlflow>[0] = {},
): Promise<Setting> {
  const server = await standInMlflow(options);
  t.after(() => server.stop());
  const variables = { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'an experiment' };
  const folder = await trackedFolder(t, ['mlflow'], variables, changed);
  const troubles: string[] = [];
  const track: Setting['track'] = (patience = {}, signal) =>
    trackRun(folder, {
      variables,
      network: { patience: 300 },
      patience: { ...QUICK, ...patience },
      onTrouble: (_, { what }) => troubles.push(what),
      ...(signal === undefined ? {} : { signal }),
    });
  return { server, folder, variables, troubles, track };
}

const only = (server: StandInMlflow): StandInRun => {
  assert.equal(server.runs.length, 1);
  return server.runs[0]!;
};

/** Values of a metric, by step and then time. */
const valuesOf = (run: StandInRun, key: string): (number | string)[] =>
  [...run.metrics.values()]
    .filter((metric) => metric.key === key)
    .sort((a, b) => a.step - b.step || a.timestamp - b.timestamp)
    .map(({ value }) => value);

const LOSSES = Array.from({ length: 10 }, (_, index) => 0.75 - (index + 1) / 64);
const steps = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => stepLine(from + index));

test('a run: experiment, parameters, metrics by step, tags, card and how it ended', async (t) => {
  const { server, folder, track } = await begin(t);
  await append(folder, startLine(), ...steps(1, 10), evalLine(5), evalLine(10), finishedLine());
  await mkdir(path.join(folder, 'export'));
  await writeFile(path.join(folder, 'export', 'README.md'), '# A card');
  const [tracked] = (await track()) ?? [];
  const run = only(server);
  assert.deepEqual(tracked, { name: 'mlflow', url: `${server.uri}/#/experiments/1/runs/run1`, complete: true, trouble: undefined });
  assert.equal(server.experiments.get('1')?.name, 'an experiment');
  assert.equal(run.name, 'example');
  assert.deepEqual(valuesOf(run, 'loss'), LOSSES);
  assert.deepEqual(valuesOf(run, 'eval_loss'), [LOSSES[4], LOSSES[9]]);
  assert.deepEqual(valuesOf(run, 'eval_pairs'), [4, 4]);
  assert.deepEqual([...new Set([...run.metrics.values()].map(({ timestamp }) => timestamp))], [Date.parse('2026-01-02T15:04:05.000Z')]);
  const missing = OPTION_PATHS.filter((option) => option !== 'runner.cublaslt' && !run.parameters.has(option));
  assert.deepEqual(missing, [], 'all options are parameters');
  assert.equal(run.parameters.get('training.beta'), '0.1');
  assert.equal(run.parameters.get('model'), 'tiny');
  assert.equal(run.parameters.get('dataset'), 'pairs.jsonl');
  assert.equal(run.tags.get('wishbone.device'), 'a processor');
  assert.equal(run.tags.get('mlflow.note.content'), '# A card');
  assert.deepEqual([...server.artifacts], [['1/run1/artifacts/README.md', '# A card']]);
  assert.deepEqual(run.statuses, ['RUNNING', 'FINISHED']);
  assert.equal(run.end, Date.parse('2026-01-02T15:04:05.000Z'));
});

test('nothing that is sent names a folder of this machine', async (t) => {
  const config = exampleConfig();
  const training = {
    ...DEFAULT_TRAINING,
    use_peft: true,
    adapter_name_or_path: '/home/somebody/adapters/one',
    reference_model: '/home/somebody/ref',
  };
  const file = { path: '/home/somebody/data/a.jsonl', sha256: 'a'.repeat(64), format: 'trl-explicit', rows: 9 };
  const { server, folder, track } = await begin(t, {
    model: { path: '/home/somebody/models/tiny' },
    dataset: {
      ...config.dataset,
      path: file.path,
      names: ['/home/somebody/data/*.jsonl'],
      files: [
        { ...file, weight: 0.5 },
        { ...file, path: '/home/somebody/data/b.jsonl', weight: 1 },
      ],
    },
    eval_dataset: { ...config.dataset, path: '/home/somebody/eval.jsonl' },
    training,
  });
  await append(folder, startLine(), ...steps(1, 2), failedLine());
  await track();
  const run = only(server);
  assert.equal(run.parameters.get('dataset'), 'a.jsonl:0.5, b.jsonl');
  assert.equal(run.parameters.get('training.adapter_name_or_path'), 'one');
  assert.equal(run.parameters.get('training.reference_model'), 'ref');
  assert.equal(run.parameters.get('eval_dataset'), 'eval.jsonl');
  for (const said of server.heard) assert.doesNotMatch(said, /somebody|a run/);
  assert.equal(run.status, 'FAILED');
});

test('metrics that are not finite are NaN; sources have metrics of their own, under names that MLflow takes', async (t) => {
  const { server, folder, track } = await begin(t);
  const source = { pairs: 3, loss: 0.5, 'rewards/margins': 1, 'rewards/accuracies': null };
  await append(
    folder,
    startLine(),
    stepLine(1, { loss: null, sources: { plain: source, 'a:b/../ü': source, 'a:b/../ö': source } }),
    finishedLine(),
  );
  await track();
  const run = only(server);
  assert.deepEqual(valuesOf(run, 'loss'), ['NaN']);
  assert.deepEqual(valuesOf(run, 'sources/plain/rewards/accuracies'), ['NaN']);
  const named = [...run.metrics.values()].filter(({ key }) => key.startsWith('sources/a:b/_/_/loss'));
  assert.equal(named.length, 2, 'two sources never become one');
});

test('thousands of steps and long options go in requests that a server takes', async (t) => {
  const groups = Array.from({ length: 60 }, (_, index) => ({ pattern: `layers.${index}.`, learning_rate: 1e-6, weight_decay: 0 }));
  const { server, folder, track } = await begin(t, { training: { ...DEFAULT_TRAINING, parameter_groups: groups } });
  const lines = Array.from({ length: 4000 }, (_, index) => stepLine(index + 1));
  await append(folder, startLine(), ...lines, finishedLine());
  const [tracked] = (await track()) ?? [];
  assert.equal(tracked?.complete, true);
  const run = only(server);
  assert.equal(valuesOf(run, 'loss').length, 4000);
  const parts = [...run.parameters].filter(([key]) => key.startsWith('training.parameter_groups')).map(([, value]) => value);
  assert.ok(parts.length > 5);
  assert.deepEqual(JSON.parse(parts.join('')), groups);
  assert.ok(server.paths.length < 150, `${server.paths.length} requests`);
});

test('a stopped run is KILLED; resumed, it goes on in the same run, and what it is now done with becomes tags', async (t) => {
  const { server, folder, track } = await begin(t);
  await append(folder, startLine(), ...steps(1, 4), stoppedLine(4));
  await track();
  assert.deepEqual(only(server).statuses, ['RUNNING', 'KILLED']);
  const file = path.join(folder, 'run.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"threads": 0', '"threads": 7'));
  await append(folder, startLine({ resumedFrom: 4 }), ...steps(5, 10), finishedLine());
  await track();
  const run = only(server);
  assert.deepEqual(valuesOf(run, 'loss'), LOSSES);
  assert.deepEqual(run.statuses, ['RUNNING', 'KILLED', 'RUNNING', 'FINISHED']);
  assert.equal(run.parameters.get('runner.threads'), '0');
  assert.equal(run.tags.get('resumed.runner.threads'), '7');
});

test('a run whose process is gone without a word has FAILED', async (t) => {
  const { server, folder, track } = await begin(t);
  await append(folder, startLine(), ...steps(1, 3));
  await track();
  assert.deepEqual(only(server).statuses, ['RUNNING', 'FAILED']);
  assert.deepEqual(valuesOf(only(server), 'loss'), LOSSES.slice(0, 3));
  await track();
  assert.deepEqual(only(server).statuses, ['RUNNING', 'FAILED'], 'said once');
});

const FAULTS = [{ status: 429, retryAfter: 0 }, { status: 500 }, { status: 503 }, 'cut before', 'cut after'] as const;

for (const fault of FAULTS) {
  test(`every request fails once: ${typeof fault === 'string' ? fault : fault.status}; nothing is lost, nothing is doubled`, async (t) => {
    const { server, folder, track } = await begin(t);
    await append(folder, startLine(), ...steps(1, 10), evalLine(10), finishedLine());
    await mkdir(path.join(folder, 'export'));
    await writeFile(path.join(folder, 'export', 'README.md'), '# A card');
    const seen = new Set<string>();
    server.fault = (path, body) => {
      const request = JSON.stringify([path, body]);
      if (seen.has(request)) return undefined;
      seen.add(request);
      return fault;
    };
    const [tracked] = (await track({ linger: 60_000 })) ?? [];
    assert.equal(tracked?.complete, true);
    const run = only(server);
    assert.equal(server.experiments.size, 1);
    assert.deepEqual(valuesOf(run, 'loss'), LOSSES);
    assert.equal(run.status, 'FINISHED');
    assert.equal(server.artifacts.size, 1);
  });
}

test('a server that never answers, then is gone, then comes back', async (t) => {
  const { server, folder, track, troubles } = await begin(t);
  await append(folder, startLine(), ...steps(1, 3));
  server.fault = () => 'silent';
  const stop = new AbortController();
  const first = track({ linger: 60_000 }, stop.signal);
  await until(() => troubles.length > 0, 'the trouble is told');
  await server.stop();
  await append(folder, ...steps(4, 10), finishedLine());
  server.fault = () => undefined;
  await server.start();
  const [tracked] = (await first) ?? [];
  assert.equal(tracked?.complete, true);
  assert.equal(tracked?.trouble, undefined, 'it is well again');
  assert.deepEqual(valuesOf(only(server), 'loss'), LOSSES);
});

test('a server that is gone when the run ends: told once, given up after a while, and sent later from where it was', async (t) => {
  const { server, folder, track, troubles } = await begin(t);
  await append(folder, startLine(), ...steps(1, 4));
  await track();
  const asked = server.paths.length;
  await server.stop();
  await append(folder, startLine({ resumedFrom: 4 }), ...steps(5, 10), finishedLine());
  const [tracked] = (await track({ linger: 100 })) ?? [];
  assert.equal(tracked?.complete, false);
  assert.match(tracked?.trouble?.what ?? '', /MLflow cannot be reached: 127\.0\.0\.1/);
  assert.match(tracked?.trouble?.advice ?? '', /wishbone track/);
  assert.equal(troubles.length, 1, 'told once');
  await server.start();
  assert.deepEqual(
    (await track())?.map(({ complete, trouble }) => [complete, trouble]),
    [[true, undefined]],
  );
  assert.deepEqual(valuesOf(only(server), 'loss'), LOSSES);
  const sent = server.heard.slice(asked).join('');
  assert.doesNotMatch(sent, /"step":1[,}]/, 'what it has is not sent again');
});

test('a connection that is cut once is nobody’s concern', async (t) => {
  const { server, folder, track, troubles } = await begin(t);
  await append(folder, startLine(), ...steps(1, 10), finishedLine());
  server.fault = (_path, _body, count) => (count === 2 ? 'cut before' : undefined);
  await track({ quiet: 5000, linger: 60_000 });
  assert.deepEqual(troubles, []);
});

test('a slow server gets more at once, and the log is all that is kept of the rest', async (t) => {
  const { server, folder, track } = await begin(t);
  server.delay = 60;
  await append(folder, startLine());
  const sending = track();
  for (let step = 1; step <= 10; step++) {
    await append(folder, stepLine(step));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await append(folder, finishedLine());
  // The log is of a run whose process is gone: between two looks it may count as over, and is taken up again.
  await sending;
  await track();
  assert.deepEqual(valuesOf(only(server), 'loss'), LOSSES);
  const batches = server.paths.filter((path) => path === 'runs/log-batch').length;
  assert.ok(batches < 12, `${batches} batches`);
});

test('something before the server that takes only small requests', async (t) => {
  const { server, folder, track } = await begin(t);
  await append(folder, startLine(), ...steps(1, 10), finishedLine());
  server.fault = (path, body) => (path === 'runs/log-batch' && JSON.stringify(body).length > 6000 ? { status: 413, body: {} } : undefined);
  assert.equal((await track())?.[0]?.complete, true);
  assert.deepEqual(valuesOf(only(server), 'loss'), LOSSES);
});

test('who may not write is told so by name, and what to set', async (t) => {
  const { server, folder, track, variables } = await begin(t, {}, { authorization: 'Bearer right' });
  await append(folder, startLine(), ...steps(1, 2), finishedLine());
  const [tracked] = (await track()) ?? [];
  assert.equal(tracked?.complete, false);
  assert.match(tracked?.trouble?.what ?? '', /401/);
  assert.match(tracked?.trouble?.advice ?? '', /MLFLOW_TRACKING_TOKEN/);
  const [again] = (await trackRun(folder, { variables: { ...variables, MLFLOW_TRACKING_TOKEN: 'right' }, patience: QUICK })) ?? [];
  assert.equal(again?.complete, true);
  assert.equal(again?.trouble, undefined);
  assert.equal(only(server).status, 'FINISHED');
});

test('a run that was deleted there, or whose experiment was, is not made anew', async (t) => {
  const { server, folder, track } = await begin(t);
  await append(folder, startLine(), ...steps(1, 2), stoppedLine(2));
  await track();
  only(server).deleted = true;
  await append(folder, startLine({ resumedFrom: 2 }), ...steps(3, 4), finishedLine());
  assert.match((await track())?.[0]?.trouble?.what ?? '', /deleted from MLflow/);
  only(server).deleted = false;
  assert.equal((await track())?.[0]?.complete, true);
  const other = await trackedFolder(t, ['mlflow'], { MLFLOW_TRACKING_URI: server.uri, MLFLOW_EXPERIMENT_NAME: 'an experiment' });
  server.experiments.get('1')!.deleted = true;
  await append(other, startLine(), finishedLine());
  const [tracked] = (await trackRun(other, { patience: QUICK })) ?? [];
  assert.match(tracked?.trouble?.what ?? '', /the experiment "an experiment" was deleted/);
});

test('a server that keeps no artifacts itself gets the card as the description alone', async (t) => {
  const { server, folder, track } = await begin(t, {}, { artifacts: 's3://bucket' });
  await append(folder, startLine(), finishedLine());
  await mkdir(path.join(folder, 'export'));
  await writeFile(path.join(folder, 'export', 'README.md'), `# A card${' word'.repeat(2000)}`);
  assert.equal((await track())?.[0]?.complete, true);
  assert.equal(server.artifacts.size, 0);
  const note = only(server).tags.get('mlflow.note.content') ?? '';
  assert.equal(note.length, 5000);
  assert.match(note, /^# A card.*\(cut\)$/s);
});

test('two processes at once: one sends', async (t) => {
  const { server, folder, track } = await begin(t);
  await append(folder, startLine(), ...steps(1, 10), finishedLine());
  server.delay = 20;
  const both = await Promise.all([track(), track()]);
  assert.equal(both.filter((tracked) => tracked === undefined).length, 1);
  assert.deepEqual(valuesOf(only(server), 'loss'), LOSSES);
});
