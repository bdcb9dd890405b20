// Whole runs on the CPU that are sent to trackers: to a stand-in for MLflow that fails in every way, and to the real MLflow, Trackio and
// W&B of a Python that has them (`WISHBONE_TRACKERS_PYTHON`, else python3); those are skipped where there is none.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { EvalEvent, StepEvent } from '../../src/core/events/events.js';
import { readEvents } from '../../src/core/events/index.js';
import { askFor, placesOf, senderOf } from '../../src/core/trackers/index.js';
import { type StandInMlflow, standInMlflow } from '../support/stand-in-mlflow.js';
import { standInWandb } from '../support/stand-in-wandb.js';
import { cli, exampleData, exampleModel, outcome, type Outcome, temporaryFolder } from './support.js';

const PYTHON = process.env['WISHBONE_TRACKERS_PYTHON'] ?? 'python3';
const RUN = [exampleData, '--model', exampleModel, '--batch-size', '8', '--eval-fraction', '0.2', '--eval-steps', '4'];

type Environment = Readonly<Record<string, string>>;

/** The built command line, with variables of its own. */
async function wishbone(env: Environment, ...args: string[]): Promise<Outcome> {
  const { execa } = await import('execa');
  const result = await execa(process.execPath, [cli, ...args], { reject: false, stdin: 'ignore', env });
  return { code: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

async function theRun(runs: string): Promise<string> {
  const [id, ...others] = (await readdir(runs)).filter((name) => !name.startsWith('.'));
  assert.ok(id !== undefined && others.length === 0);
  return path.join(runs, id);
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const losses = async (folder: string): Promise<number[]> =>
  (await readEvents(folder)).filter((event): event is StepEvent => event.type === 'step').map(({ loss }) => loss ?? Number.NaN);

const sentLosses = (server: StandInMlflow): number[] =>
  [...(server.runs[0]?.metrics.values() ?? [])]
    .filter(({ key }) => key === 'loss')
    .sort((a, b) => a.timestamp - b.timestamp)
    .map(({ value }) => Number(value));

async function begin(t: TestContext): Promise<{ server: StandInMlflow; runs: string; env: Environment }> {
  const server = await standInMlflow();
  t.after(() => server.stop());
  return { server, runs: path.join(await temporaryFolder(t), 'runs'), env: { MLFLOW_TRACKING_URI: server.uri } };
}

test('a run config that reports to mlflow: the whole run is there when the command ends', async (t) => {
  const { server, runs, env } = await begin(t);
  const ran = await wishbone(env, 'train', ...RUN, '--runs', runs, '--report-to', 'mlflow,tensorboard', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const { trackers } = JSON.parse(ran.stdout) as { trackers: unknown };
  assert.deepEqual(trackers, [{ name: 'mlflow', url: `${server.uri}/#/experiments/1/runs/run1`, complete: true }]);
  const folder = await theRun(runs);
  assert.deepEqual(sentLosses(server), await losses(folder));
  assert.equal(server.runs[0]?.status, 'FINISHED');
  assert.match([...server.artifacts.values()][0] ?? '', /base_model/);
  for (const said of server.heard)
    assert.ok(!said.includes(path.dirname(runs)) && !said.includes(path.dirname(exampleModel)), said.slice(0, 200));
});

test('a server that is gone: the run trains, it is told once, and `wishbone track` sends all of it later', async (t) => {
  const { server, runs, env } = await begin(t);
  await server.stop();
  const ran = await wishbone(env, 'train', ...RUN, '--runs', runs, '--report-to', 'mlflow');
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /mlflow +not all yet; the rest: wishbone track /);
  assert.ok((ran.stderr.match(/MLflow cannot be reached/g) ?? []).length <= 1, ran.stderr);
  const folder = await theRun(runs);
  assert.ok(await senderOf(folder), 'a process of its own still tries');
  await server.start();
  const tracked = await wishbone({}, 'track', folder);
  assert.equal(tracked.code, 0, tracked.stderr);
  assert.match(tracked.stdout, /MLflow +http:\/\/127\.0\.0\.1/);
  assert.deepEqual(sentLosses(server), await losses(folder));
  assert.equal(await senderOf(folder), undefined);
});

test('a server that never answers holds up no step', async (t) => {
  const { server, runs, env } = await begin(t);
  server.fault = () => 'silent';
  const ran = await wishbone(env, 'train', ...RUN, '--runs', runs, '--report-to', 'mlflow', '--detach', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const folder = await theRun(runs);
  await until(async () => (await readEvents(folder)).at(-1)?.type === 'finished', 'the run has finished');
  assert.ok(server.paths.length > 0, 'it was asked');
  assert.equal(server.runs.length, 0);
  server.fault = () => undefined;
  await server.stop();
  await server.start();
  const tracked = await wishbone({}, 'track', folder);
  assert.equal(tracked.code, 0, tracked.stderr);
  assert.deepEqual(sentLosses(server), await losses(folder));
});

test('a run that is stopped, resumed and finished is one run there; a run without trackers gets one later', async (t) => {
  const { server, runs, env } = await begin(t);
  const child = spawn(process.execPath, [cli, 'train', ...RUN, '--epochs', '3', '--runs', runs, '--report-to', 'mlflow'], {
    env: { ...process.env, ...env },
  });
  await until(async () => sentLosses(server).length > 2, 'steps are there');
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 130);
  assert.equal(server.runs[0]?.status, 'KILLED');
  const folder = await theRun(runs);
  const resumed = await wishbone({}, 'train', '--resume', folder, '--json');
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(server.runs.length, 1);
  assert.deepEqual(server.runs[0]?.statuses, ['RUNNING', 'KILLED', 'RUNNING', 'FINISHED']);
  assert.deepEqual(sentLosses(server), await losses(folder));
  const other = await wishbone({}, 'train', ...RUN, '--max-steps', '2', '--runs', runs, '--json');
  const { folder: second } = JSON.parse(other.stdout) as { folder: string };
  const none = await wishbone({}, 'track', second);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /sent to no tracker/);
  const later = await wishbone(env, 'track', second, '--report-to', 'mlflow');
  assert.equal(later.code, 0, later.stderr);
  assert.equal(server.runs.length, 2);
});

test('what cannot be is refused before anything is read', async (t) => {
  const runs = path.join(await temporaryFolder(t), 'runs');
  const train = (env: Environment, ...more: string[]): Promise<Outcome> => wishbone(env, 'train', ...RUN, '--runs', runs, ...more);
  const [unknown, nowhere, store] = await Promise.all([
    train({}, '--report-to', 'neptune'),
    train({}, '--report-to', 'mlflow'),
    train({ MLFLOW_TRACKING_URI: 'sqlite:///mlflow.db' }, '--report-to', 'mlflow'),
  ]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /expected mlflow, trackio, wandb, tensorboard, none, found neptune/);
  assert.match(nowhere.stderr, /nothing says where the server is\n {2}at: MLFLOW_TRACKING_URI\n {2}fix: .*http/);
  assert.match(store.stderr, /mlflow server --backend-store-uri/);
  assert.deepEqual(await readdir(runs).catch(() => []), []);
});

test('killed again and again while it sends, the process loses nothing and doubles nothing, whatever the tracker', async (t) => {
  const { server, runs } = await begin(t);
  const scratch = path.dirname(runs);
  const made = await wishbone({}, 'train', ...RUN, '--max-steps', '1', '--runs', runs, '--json');
  assert.equal(made.code, 0, made.stderr);
  const folder = await theRun(runs);
  const begun = (await readEvents(folder)).map((event) => JSON.stringify(event));
  const [first = '', ...rest] = begun.filter((line) => /"type":"(start|step)"/.test(line));
  const step = JSON.parse(rest[0] ?? '') as StepEvent;
  const count = 6000;
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ ...step, seq: 1000 + index, step: index + 1, loss: 1 / (index + 1) }),
  );
  await writeFile(path.join(folder, 'events.jsonl'), [first, ...lines, begun.at(-1)?.replace(/"seq":\d+/, '"seq":99999'), ''].join('\n'));
  const places = placesOf(['mlflow', 'trackio', 'wandb'], { MLFLOW_TRACKING_URI: server.uri, TRACKIO_DIR: path.join(scratch, 'trackio') });
  await askFor(folder, places);
  server.delay = 5;
  const worker = path.join(path.dirname(cli), 'workers/track.js');
  let kills = 0;
  for (let attempt = 0; attempt < 25; attempt++) {
    const child = spawn(process.execPath, [worker, folder], { stdio: 'ignore' });
    const ended = once(child, 'close');
    await new Promise((resolve) => setTimeout(resolve, 90 + attempt * 20));
    kills += child.kill('SIGKILL') ? 1 : 0;
    await ended;
  }
  server.delay = 0;
  assert.ok(kills > 10, `${kills} kills`);
  const tracked = await wishbone({}, 'track', folder, '--json');
  assert.equal(tracked.code, 0, tracked.stderr);
  const expected = lines.map((_, index) => 1 / (index + 1));
  assert.equal(server.runs.length, 1);
  const sent = [...(server.runs[0]?.metrics.values() ?? [])].filter(({ key }) => key === 'loss').sort((a, b) => a.step - b.step);
  assert.deepEqual(
    sent.map(({ value }) => value),
    expected,
  );
  const files = (await readdir(path.join(scratch, 'trackio'), { recursive: true })).filter((name) => name.endsWith('.jsonl'));
  const texts = await Promise.all(files.map((name) => readFile(path.join(scratch, 'trackio', name), 'utf8')));
  const records = texts
    .flatMap((text) => text.trim().split('\n'))
    .map((line) => JSON.parse(line) as { log_id: string; metrics: Record<string, number> });
  const byId = new Map(records.map(({ log_id, metrics }) => [log_id, metrics['train/loss']]));
  const values = [...byId.values()].filter((value) => value !== undefined).sort((a, b) => b - a);
  assert.deepEqual(values, expected);
  const [offline = ''] = (await readdir(path.join(folder, 'wandb'), { recursive: true })).filter((name) => name.endsWith('.wandb'));
  const file = await readFile(path.join(folder, 'wandb', offline), 'latin1');
  // Of frames that go on in the next block a few cannot be read like this; the rows are numbered one after the other.
  const rows = [...file.matchAll(/\x12\x05_step\x82\x01.(\d+)/gs)].map(([, row]) => Number(row));
  assert.equal(Math.max(...rows), count - 1, 'no row is there twice');
});

async function hasModule(t: TestContext, name: string): Promise<boolean> {
  const found = (await outcome(PYTHON, ['-c', `import ${name}`]).catch(() => ({ code: 1 }))).code === 0;
  if (!found) t.skip(`${PYTHON} has no ${name} (pip install ${name}, or set WISHBONE_TRACKERS_PYTHON)`);
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A program that goes with the test, with all that it started. */
function background(t: TestContext, args: readonly string[], env: Environment, cwd: string): ChildProcess {
  const child = spawn(PYTHON, args, { env: { ...process.env, ...env }, cwd, stdio: 'ignore', detached: true });
  t.after(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended.
    }
  });
  return child;
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

test('the real MLflow has every number of a run that was stopped and resumed', async (t) => {
  if (!(await hasModule(t, 'mlflow'))) return;
  const scratch = await temporaryFolder(t);
  const uri = `http://127.0.0.1:${await freePort()}`;
  const serve = ['server', '--host', '127.0.0.1', '--port', new URL(uri).port, '--workers', '1'];
  background(t, ['-m', 'mlflow', ...serve, '--backend-store-uri', 'sqlite:///m.db', '--artifacts-destination', './artifacts'], {}, scratch);
  await until(() => answers(`${uri}/health`), 'MLflow answers');
  const env = { MLFLOW_TRACKING_URI: uri, MLFLOW_EXPERIMENT_NAME: 'wishbone' };
  const runs = path.join(scratch, 'runs');
  const first = await wishbone(env, 'train', ...RUN, '--epochs', '2', '--runs', runs, '--report-to', 'mlflow', '--detach', '--json');
  assert.equal(first.code, 0, first.stderr);
  const folder = await theRun(runs);
  await until(async () => (await losses(folder)).length > 3, 'there are steps');
  await wishbone({}, 'stop', folder);
  const resumed = await wishbone(env, 'train', '--resume', folder, '--json');
  assert.equal(resumed.code, 0, resumed.stderr);
  const { trackers } = JSON.parse(resumed.stdout) as { trackers: { url: string; complete: boolean }[] };
  assert.equal(trackers[0]?.complete, true);
  const id = trackers[0]?.url.split('/').at(-1) ?? '';
  const read = await outcome(PYTHON, [path.join(import.meta.dirname, '../support/read_mlflow.py'), uri, id]);
  assert.equal(read.code, 0, read.stderr);
  const run = JSON.parse(read.stdout.trim().split('\n').at(-1)!) as {
    status: string;
    runs: number;
    params: Record<string, string>;
    tags: Record<string, string>;
    metrics: Record<string, [step: number, value: number][]>;
    artifacts: Record<string, string>;
  };
  assert.equal(run.runs, 1);
  assert.equal(run.status, 'FINISHED');
  const events = await readEvents(folder);
  for (const name of ['loss', 'rewards/margins', 'grad_norm', 'learning_rate', 'epoch'] as const) {
    const own = events.filter((event): event is StepEvent => event.type === 'step').map((event) => [event.step, event[name]]);
    assert.deepEqual(run.metrics[name], own, name);
  }
  const evals = events.filter((event): event is EvalEvent => event.type === 'eval').map((event) => [event.step, event.eval_loss]);
  assert.deepEqual(run.metrics['eval_loss'], evals);
  assert.equal(run.params['training.beta'], '0.1');
  assert.equal(run.params['model'], 'tiny-llama');
  assert.equal(run.artifacts['README.md'], await readFile(path.join(folder, 'export', 'README.md'), 'utf8'));
  assert.ok(!JSON.stringify(run).includes(scratch));
});

const stepsOf = async (folder: string): Promise<StepEvent[]> =>
  (await readEvents(folder)).filter((event): event is StepEvent => event.type === 'step');

/** A run that was stopped once and resumed. */
async function interrupted(
  runs: string,
  env: Environment,
  reportTo: string,
): Promise<{ folder: string; trackers: { command?: string; complete: boolean }[] }> {
  const first = await wishbone(
    env,
    'train',
    ...RUN,
    '--epochs',
    '2',
    '--runs',
    runs,
    '--report-to',
    reportTo,
    '--detach',
    '--json',
    '--name',
    'a name',
  );
  assert.equal(first.code, 0, first.stderr);
  const { folder } = JSON.parse(first.stdout) as { folder: string };
  await until(async () => (await losses(folder)).length > 3, 'there are steps');
  await wishbone({}, 'stop', folder);
  const resumed = await wishbone(env, 'train', '--resume', folder, '--json');
  assert.equal(resumed.code, 0, resumed.stderr);
  return { folder, ...(JSON.parse(resumed.stdout) as { trackers: { command?: string; complete: boolean }[] }) };
}

test('the real `wandb sync` uploads a run that was stopped and resumed, each time whole', async (t) => {
  if (!(await hasModule(t, 'wandb'))) return;
  const server = await standInWandb();
  t.after(() => server.stop());
  const scratch = await temporaryFolder(t);
  const env = { WANDB_PROJECT: 'a project' };
  const { folder, trackers } = await interrupted(path.join(scratch, 'runs'), env, 'wandb');
  assert.equal(trackers[0]?.complete, true);
  const written = /^wandb sync (.*)$/.exec(trackers[0]?.command ?? '')?.[1] ?? '';
  const { execa } = await import('execa');
  const settings = { WANDB_BASE_URL: server.url, WANDB_API_KEY: 'a'.repeat(40), WANDB_DIR: scratch, WANDB_ERROR_REPORTING: 'false' };
  for (const again of [[], ['--no-skip-synced']]) {
    const synced = await execa(PYTHON, ['-m', 'wandb', 'sync', ...again, written], {
      env: settings,
      cwd: scratch,
      reject: false,
      stdin: 'ignore',
    });
    assert.equal(synced.exitCode, 0, synced.stderr);
    const [id, run] = [...server.runs][0] ?? [];
    assert.equal(server.runs.size, 1);
    assert.ok(id !== undefined && run !== undefined);
    const rows = [...run.history].sort(([a], [b]) => a - b).map(([, row]) => row);
    const events = await stepsOf(folder);
    for (const name of ['loss', 'rewards/margins', 'grad_norm'] as const) {
      const sent = rows.flatMap((row) => (`train/${name}` in row ? [[row['train/global_step'], row[`train/${name}`]]] : []));
      assert.deepEqual(
        sent,
        events.map((event) => [event.step, event[name]]),
        name,
      );
    }
    const evals = (await readEvents(folder)).filter((event): event is EvalEvent => event.type === 'eval');
    assert.deepEqual(
      rows.flatMap((row) => ('eval/loss' in row ? [row['eval/loss']] : [])),
      evals.map((event) => event.eval_loss),
    );
    assert.equal(run.asked['project'], 'a project');
    assert.equal(run.asked['displayName'], 'a name');
    assert.match(run.files.get('config.yaml') ?? '', /training\.beta:\n +value: 0\.1/);
    assert.equal(run.files.get('README.md'), await readFile(path.join(folder, 'export', 'README.md'), 'utf8'));
    assert.equal(run.exitCode, 0);
    assert.ok(!JSON.stringify([run.asked, [...run.files]]).includes(scratch));
  }
});

test('the real Trackio takes a run in from its inbox, and by its server’s interface', async (t) => {
  if (!(await hasModule(t, 'trackio'))) return;
  const scratch = await temporaryFolder(t);
  const uri = `http://127.0.0.1:${await freePort()}`;
  const home = { TRACKIO_DIR: path.join(scratch, 'trackio'), HF_HOME: path.join(scratch, 'hf') };
  const serve = { ...home, TRACKIO_WRITE_TOKEN: 'a token', GRADIO_SERVER_PORT: new URL(uri).port, BROWSER: 'true' };
  const runs = path.join(scratch, 'runs');
  const { folder } = await interrupted(runs, { ...home, TRACKIO_PROJECT: 'inbox' }, 'trackio');
  background(t, ['-m', 'trackio.cli', 'show'], serve, scratch);
  await until(() => answers(`${uri}/version`), 'Trackio answers');
  const { execa } = await import('execa');
  const ask = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await execa(PYTHON, ['-m', 'trackio.cli', 'get', ...args, '--json'], { env: home, cwd: scratch, stdin: 'ignore' });
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const valuesOf = async (project: string, metric: string): Promise<unknown[]> => {
    const { values } = (await ask('metric', '--project', project, '--run', 'a name', '--metric', metric)) as {
      values: { step: number; value: number }[];
    };
    return values.map(({ step, value }) => [step, value]);
  };
  const same = async (project: string, of: string): Promise<void> => {
    const events = await stepsOf(of);
    assert.deepEqual(
      await valuesOf(project, 'train/loss'),
      events.map(({ step, loss }) => [step, loss]),
    );
    const evals = (await readEvents(of)).filter((event): event is EvalEvent => event.type === 'eval');
    assert.deepEqual(
      await valuesOf(project, 'eval/loss'),
      evals.map((event) => [event.step, event.eval_loss]),
    );
    const run = JSON.stringify(await ask('run', '--project', project, '--run', 'a name'));
    assert.match(run, /"training\.beta":\s*0\.1/);
    assert.ok(!run.includes(scratch));
  };
  await same('inbox', folder);
  const server = { TRACKIO_SERVER_URL: uri, TRACKIO_PROJECT: 'server' };
  const wrong = await wishbone(
    { ...server, TRACKIO_WRITE_TOKEN: 'another' },
    'train',
    ...RUN,
    '--runs',
    runs,
    '--report-to',
    'trackio',
    '--json',
    '--name',
    'a name',
  );
  assert.equal(wrong.code, 0, wrong.stderr);
  const answer = JSON.parse(wrong.stdout) as {
    folder: string;
    trackers: { complete: boolean; trouble: { what: string; advice: string } }[];
  };
  assert.equal(answer.trackers[0]?.complete, false);
  assert.match(answer.trackers[0]?.trouble.what ?? '', /write_token/);
  const right = await wishbone({ ...server, TRACKIO_WRITE_TOKEN: 'a token' }, 'track', answer.folder);
  assert.equal(right.code, 0, right.stderr);
  await same('server', answer.folder);
});
