// What is written for Trackio and W&B. Their own programs read it in test/cli/trackers.test.ts.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { type TrackerName, trackRun } from '../../../src/core/trackers/index.js';
import { framed } from '../../../src/core/trackers/wandb/log-file.js';
import { evalLine, startLine, stepLine, temporaryFolder } from '../run/support.js';
import { append, finishedLine, QUICK, stoppedLine, trackedFolder } from './support.js';

const steps = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => stepLine(from + index));

/** Records of a LevelDB log, with all checks that a reader makes. */
function unframed(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  let [at, parts]: [number, Buffer[]] = [7, []];
  assert.equal(file.subarray(0, 4).toString(), ':W&B');
  while (at < file.length) {
    const left = 32768 - (at % 32768);
    if (left < 7) {
      at += left;
      continue;
    }
    const [sum, length, type] = [file.readUInt32LE(at), file.readUInt16LE(at + 4), file.readUInt8(at + 6)];
    assert.ok(length + 7 <= left, 'a frame stays in its block');
    const data = file.subarray(at + 7, at + 7 + length);
    assert.equal(crc32(Buffer.concat([Buffer.from([type]), data])), sum);
    assert.equal(parts.length > 0, type === 3 || type === 4);
    parts.push(data);
    if (type === 1 || type === 4) {
      records.push(Buffer.concat(parts));
      parts = [];
    }
    at += 7 + length;
  }
  assert.deepEqual(parts, []);
  return records;
}

test('records of any length at any place in a block are read as they were', () => {
  for (const at of [14, 32768 - 20, 32768 - 8, 32768 - 7, 32768 - 6, 32768 - 1]) {
    for (const length of [0, 1, 6, 13, 14, 32761, 32762, 70_000]) {
      const record = Buffer.alloc(length, 1);
      const before = framed([Buffer.alloc(at - 14)], 7);
      const head = Buffer.concat([Buffer.from(':W&B\xe1\xbe\0', 'latin1'), before]);
      assert.equal(head.length, at);
      const file = Buffer.concat([head, framed([record, Buffer.from('end')], at)]);
      assert.deepEqual(
        unframed(file)
          .slice(1)
          .map((each) => each.toString('latin1')),
        [record.toString('latin1'), 'end'],
        `${length} at ${at}`,
      );
    }
  }
});

async function begin(
  t: TestContext,
  name: TrackerName,
): Promise<{ folder: string; there: string; track: () => ReturnType<typeof trackRun> }> {
  const there = await temporaryFolder(t);
  const variables = { TRACKIO_DIR: path.join(there, 'trackio'), TRACKIO_PROJECT: 'p', WANDB_PROJECT: 'p' };
  const folder = await trackedFolder(t, [name], variables);
  return { folder, there, track: () => trackRun(folder, { variables, patience: QUICK }) };
}

/** Texts of a protobuf message that stand in its bytes as they are. */
const has = (record: Buffer, text: string): boolean => record.includes(Buffer.from(text));

async function offline(folder: string): Promise<{ file: string; records: Buffer[] }> {
  const [run, ...others] = await readdir(path.join(folder, 'wandb'));
  assert.ok(run !== undefined && others.length === 0);
  const name = (await readdir(path.join(folder, 'wandb', run))).find((each) => each.endsWith('.wandb'));
  const file = path.join(folder, 'wandb', run, name ?? '');
  return { file, records: unframed(await readFile(file)) };
}

test('W&B: one offline run, whatever is stopped and resumed, without the end of before', async (t) => {
  const { folder, track } = await begin(t, 'wandb');
  await append(folder, startLine(), ...steps(1, 400), evalLine(4), stoppedLine(400));
  const [tracked] = (await track()) ?? [];
  assert.match(tracked?.command ?? '', /^wandb sync .*offline-run-20260102_150405-\w{12}$/);
  const first = await offline(folder);
  const rows = (records: readonly Buffer[]): number =>
    records.filter((record) => has(record, '_timestamp') && has(record, 'train/loss')).length;
  // The summary has the latest too.
  assert.equal(rows(first.records), 401);
  await writeFile(`${first.file}.synced`, '');
  await append(folder, startLine({ resumedFrom: 400 }), ...steps(401, 410), finishedLine());
  await mkdir(path.join(folder, 'export'));
  await writeFile(path.join(folder, 'export', 'README.md'), '# A card');
  assert.equal((await track())?.[0]?.complete, true);
  const then = await offline(folder);
  assert.equal(then.file, first.file);
  assert.equal(rows(then.records), 412);
  assert.deepEqual(
    then.records.slice(0, first.records.length - 1).map((record) => record.toString('latin1')),
    first.records.slice(0, -1).map((record) => record.toString('latin1')),
    'all but the end stays',
  );
  assert.equal(await readFile(path.join(path.dirname(then.file), 'files', 'README.md'), 'utf8'), '# A card');
  await assert.rejects(stat(`${first.file}.synced`), 'it is to be synced again');
  assert.ok(!then.records.some((record) => has(record, path.dirname(folder))));
});

test('W&B: what was written and not taken for sent is written again once', async (t) => {
  const { folder, track } = await begin(t, 'wandb');
  await append(folder, startLine(), ...steps(1, 3));
  await track();
  const before = await readFile(path.join(folder, 'trackers', 'wandb.json'));
  await append(folder, startLine({ resumedFrom: 3 }), ...steps(4, 9), finishedLine());
  await track();
  const whole = await offline(folder);
  // As if it was killed between the two files.
  await writeFile(path.join(folder, 'trackers', 'wandb.json'), before);
  await track();
  assert.deepEqual((await offline(folder)).records.length, whole.records.length);
});

interface Fragment {
  readonly log_id: string;
  readonly step: number;
  readonly metrics: Record<string, number | string>;
  readonly config: Record<string, unknown> | null;
  readonly project: string;
  readonly run: string;
  readonly timestamp: string;
}

async function fragments(there: string): Promise<Fragment[]> {
  const inbox = path.join(there, 'trackio', 'inbox');
  const [writer] = await readdir(inbox);
  const files = (await readdir(path.join(inbox, writer ?? ''))).sort();
  assert.ok(
    files.every((name) => /^\d{16}\.jsonl$/.test(name)),
    String(files),
  );
  const texts = await Promise.all(files.map((name) => readFile(path.join(inbox, writer ?? '', name), 'utf8')));
  return texts.flatMap((text) => text.trim().split('\n')).map((line) => JSON.parse(line) as Fragment);
}

test('Trackio: records by transformers’ names, each with an id of its own', async (t) => {
  const { folder, there, track } = await begin(t, 'trackio');
  await append(folder, startLine(), stepLine(1, { loss: null }), ...steps(2, 4), evalLine(4), stoppedLine(4));
  await track();
  await append(folder, startLine({ resumedFrom: 4 }), ...steps(5, 6), finishedLine());
  assert.equal((await track())?.[0]?.complete, true);
  const records = await fragments(there);
  assert.deepEqual(
    records.flatMap(({ step, metrics }) => ('train/loss' in metrics ? [[step, metrics['train/loss'], metrics['train/global_step']]] : [])),
    [[1, 'NaN', 1], ...[2, 3, 4, 5, 6].map((step) => [step, 0.75 - step / 64, step])],
  );
  assert.equal(records.find(({ metrics }) => 'eval/loss' in metrics)?.metrics['eval/loss'], 0.75 - 4 / 64);
  assert.equal(new Set(records.map(({ log_id }) => log_id)).size, records.length);
  assert.deepEqual(
    records.flatMap(({ config }) => (config === null ? [] : [config['wishbone.state']])),
    ['running', 'stopped', 'running', 'finished'],
  );
  assert.equal(records[0]?.config?.['training.beta'], 0.1);
  assert.equal(records[0]?.timestamp, '2026-01-02T15:04:05.000Z');
  assert.ok(!JSON.stringify(records).includes(path.dirname(folder)));
});

test('Trackio: a folder that cannot be written to is told, and written to once it can be', async (t) => {
  const { folder, there, track } = await begin(t, 'trackio');
  await append(folder, startLine(), ...steps(1, 4), finishedLine());
  await writeFile(path.join(there, 'trackio'), 'in the way');
  const [tracked] = (await track()) ?? [];
  assert.equal(tracked?.complete, false);
  assert.match(tracked?.trouble?.where ?? '', /trackio/);
  await rm(path.join(there, 'trackio'));
  assert.equal((await track())?.[0]?.complete, true);
  assert.equal((await fragments(there)).filter(({ metrics }) => 'train/loss' in metrics).length, 4);
});

test('a tracker that fails holds up no other', async (t) => {
  const there = await temporaryFolder(t);
  await writeFile(path.join(there, 'trackio'), 'in the way');
  const folder = await trackedFolder(t, ['trackio', 'wandb'], { TRACKIO_DIR: path.join(there, 'trackio') });
  await append(folder, startLine(), ...steps(1, 4), finishedLine());
  await chmod(folder, 0o755);
  const tracked = (await trackRun(folder, { patience: QUICK })) ?? [];
  assert.deepEqual(
    tracked.map(({ name, complete }) => [name, complete]),
    [
      ['trackio', false],
      ['wandb', true],
    ],
  );
});

test('a run folder from elsewhere has nothing written outside itself', async (t) => {
  const { folder, there, track } = await begin(t, 'wandb');
  const victim = path.join(there, 'victim');
  await writeFile(victim, 'as it was');
  await append(folder, startLine(), ...steps(1, 3));
  await track();
  const { file } = await offline(folder);
  const recordFile = path.join(folder, 'trackers', 'wandb.json');
  const record = JSON.parse(await readFile(recordFile, 'utf8')) as { remote: object };
  await rm(file);
  await symlink(victim, file);
  await append(folder, startLine({ resumedFrom: 3 }), stepLine(4), finishedLine());
  assert.equal((await track())?.[0]?.complete, false);
  await rm(file);
  for (const remote of [{ id: '../../../../victim' }, { folder: '../../..' }, { bytes: '-1' }, { bytes: 'x' }]) {
    await writeFile(recordFile, JSON.stringify({ ...record, complete: false, remote: { ...record.remote, ...remote } }));
    await track();
  }
  assert.equal(await readFile(victim, 'utf8'), 'as it was');
  assert.deepEqual((await readdir(there)).sort(), ['victim']);
});

test('a run that is removed while it is sent stays removed', async (t) => {
  const { folder, track } = await begin(t, 'wandb');
  await append(folder, startLine(), ...steps(1, 3));
  const sending = track();
  await rm(folder, { recursive: true, maxRetries: 10, retryDelay: 5 });
  await sending.catch(() => undefined);
  await track();
  await assert.rejects(stat(folder));
});
