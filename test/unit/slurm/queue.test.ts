import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { RunHistory } from '../../../src/core/history/index.js';
import { parseEvent } from '../../../src/core/events/index.js';
import { runState } from '../../../src/core/run/index.js';
import { parseJson, parseText } from '../../../src/core/slurm/commands.js';
import { jobStatus, jobText, JOB_FILE, readJobRecord } from '../../../src/core/slurm/index.js';
import { lookAtJob } from '../../../src/core/slurm/queue.js';
import { eventLine, startLine, stepLine, temporaryFolder } from '../run/support.js';

/** A `squeue` that answers from a file, and counts how often it was asked. */
async function standInSlurm(
  t: TestContext,
): Promise<{ runs: string; says: (text: string) => Promise<void>; asked: () => Promise<number> }> {
  const folder = await temporaryFolder(t);
  const bin = path.join(folder, 'bin');
  const runs = path.join(folder, 'runs');
  await mkdir(bin);
  await mkdir(runs);
  const answer = path.join(folder, 'answer');
  const log = path.join(folder, 'asked');
  await writeFile(log, '');
  await writeFile(path.join(bin, 'squeue'), `#!/bin/sh\ncase "$*" in *--json*) exit 1;; esac\necho "$*" >> ${log}\ncat ${answer}\n`);
  await chmod(path.join(bin, 'squeue'), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${bin}:${before}`;
  t.after(() => (process.env['PATH'] = before));
  return {
    runs,
    says: (text) => writeFile(answer, text),
    asked: async () => (await readFile(log, 'utf8')).split('\n').length - 1,
  };
}

async function layOutRun(runs: string, name: string, job: object, events = ''): Promise<string> {
  const folder = path.join(runs, name);
  await mkdir(folder);
  await writeFile(path.join(folder, JOB_FILE), JSON.stringify(job));
  if (events !== '') await writeFile(path.join(folder, 'events.jsonl'), events);
  return folder;
}

/** Lets the next look ask again. */
async function aMinuteLater(runs: string): Promise<void> {
  const file = path.join(runs, '.slurm.json');
  const answer = JSON.parse(await readFile(file, 'utf8')) as { asked: number };
  await writeFile(file, JSON.stringify({ ...answer, asked: answer.asked - 61_000 }));
}

test('Slurm is asked once a minute for all runs of a folder together, whoever looks', async (t) => {
  const { runs, says, asked } = await standInSlurm(t);
  await says('11|PENDING|Resources|\n12|PENDING|Priority|\n');
  const folders = [];
  for (const id of ['11', '12', '13']) folders.push(await layOutRun(runs, `run-${id}`, { target: 'gpu', id, seq: -1 }));
  for (let look = 0; look < 5; look++) await Promise.all(folders.map((folder) => runState(folder)));
  // Another process looks too.
  const code = `require(${JSON.stringify(path.resolve('src/core/run/state.ts'))}).runState(${JSON.stringify(folders[1])}).then(console.log)`;
  assert.equal(execFileSync(process.execPath, ['--import', 'tsx', '-e', code], { encoding: 'utf8' }).trim(), 'queued');
  assert.equal(await asked(), 1);
  assert.equal((await lookAtJob(folders[0]!, '11'))?.reason, 'Resources');
  assert.equal(await runState(folders[2]!), 'crashed', 'a job that Slurm does not know, and that said nothing');
  await aMinuteLater(runs);
  await says('11|RUNNING|None|n1\n12|COMPLETED|None|n1\n');
  assert.equal(await runState(folders[0]!), 'starting');
  assert.equal(await asked(), 2);
  await aMinuteLater(runs);
  assert.equal(await runState(folders[0]!), 'starting');
  assert.equal(await asked(), 3);
  assert.match(
    (await readFile(path.join(runs, '../asked'), 'utf8')).split('\n')[2]!,
    /--jobs=11 /,
    'what has ended is not asked about again',
  );
});

test('what a job has logged counts more than what Slurm said before it', async (t) => {
  const { runs, says } = await standInSlurm(t);
  await says('21|PENDING|Resources|\n');
  const now = new Date(Date.now() + 5000).toISOString();
  const start = startLine({ seq: 7, time: now });
  const folder = await layOutRun(runs, 'run', { target: 'gpu', id: '21', seq: 6 });
  assert.equal(await runState(folder), 'queued');
  const log = (text: string): Promise<void> => writeFile(path.join(folder, 'events.jsonl'), text);
  await log(start + stepLine(1, { seq: 8, time: now }));
  assert.equal(await runState(folder), 'running');
  await log(start + eventLine('finished', { seq: 9, time: now, steps: 10, seconds: 1 }));
  assert.equal(await runState(folder), 'finished');
  // Saved before its time limit, and given back to the queue.
  await log(start + eventLine('stopped', { seq: 9, time: now, step: 5 }));
  assert.equal(await runState(folder), 'stopped');
  await writeFile(path.join(folder, 'job.requeued'), '');
  assert.equal(await runState(folder), 'queued');
  const history = new RunHistory();
  for (const line of (start + stepLine(1, { seq: 8 })).trim().split('\n')) history.add(parseEvent(line, 'test'));
  const status = await jobStatus(folder, await readJobRecord(folder), history);
  assert.equal(jobText(status!, 'queued'), 'job 21 on gpu, goes on from its last checkpoint, waits: Resources');
  // An earlier end is none of this job's.
  await writeFile(path.join(folder, JOB_FILE), JSON.stringify({ target: 'gpu', id: '21', seq: 9 }));
  assert.equal(await runState(folder), 'queued');
  await writeFile(path.join(folder, JOB_FILE), JSON.stringify({ target: 'gpu', id: '21', seq: 9, cancelled: true }));
  assert.equal(await runState(folder), 'stopped');
});

test('a job that is gone without a word has crashed; one that Slurm cannot be asked about has not', async (t) => {
  const { runs, says } = await standInSlurm(t);
  const past = '2026-01-02T15:04:05.000Z';
  const events = startLine({ seq: 0, time: past }) + stepLine(1, { seq: 1, time: past });
  const folder = await layOutRun(runs, 'run', { target: 'gpu', id: '31', seq: -1 }, events);
  const path0 = process.env['PATH'];
  process.env['PATH'] = '';
  assert.equal(await runState(folder), 'running');
  process.env['PATH'] = path0;
  const [status] = await Promise.all([jobStatus(folder, await readJobRecord(folder), new RunHistory())]);
  assert.match(status!.problem, /squeue is not there/);
  await aMinuteLater(runs);
  await says('31|NODE_FAIL|NodeDown|n1\n');
  assert.equal(await runState(folder), 'crashed');
});

test('what squeue prints is read in every form it has', () => {
  const old = { job_id: 1, job_state: 'PENDING', state_reason: 'Resources', nodes: '', restart_cnt: 2 };
  const recent = {
    job_id: 2,
    job_state: ['RUNNING', 'SIGNALING'],
    state_reason: 'None',
    nodes: 'n[1-2]',
    restart_cnt: { set: true, number: 1 },
  };
  const views = parseJson(JSON.stringify({ jobs: [old, recent, { job_id: 'x' }] }))!;
  assert.deepEqual(views.get('1'), { state: 'PENDING', reason: 'Resources', nodes: '', restarts: 2 });
  assert.deepEqual(views.get('2'), { state: 'RUNNING', reason: '', nodes: 'n[1-2]', restarts: 1 });
  assert.equal(views.size, 2);
  for (const text of ['', 'slurm_load_jobs error', '{}', '{"jobs":{}}']) assert.equal(parseJson(text), undefined);
  assert.deepEqual(
    [...parseText('5|PENDING|(Priority)|\n\nnoise\n6|RUNNING|None|n1\n')],
    [
      ['5', { state: 'PENDING', reason: '(Priority)', nodes: '' }],
      ['6', { state: 'RUNNING', reason: '', nodes: 'n1' }],
    ],
  );
});

/** Jobs as versions of Slurm write them: each with what differs. */
const SHAPES: readonly (readonly [version: string, job: object])[] = [
  ['21.08', { job_id: 7, job_state: 'PENDING', state_reason: 'Resources', nodes: '', job_resources: {}, restart_cnt: 0 }],
  [
    '23.02',
    {
      job_id: 7,
      job_state: 'PENDING',
      state_reason: 'Resources',
      nodes: '',
      restart_cnt: 0,
      time_limit: { set: true, infinite: false, number: 60 },
    },
  ],
  ['23.11', { job_id: 7, job_state: ['PENDING'], state_reason: 'Resources', nodes: '', job_resources: null, restart_cnt: 0 }],
  [
    '24.11',
    {
      job_id: { set: true, infinite: false, number: 7 },
      job_state: ['PENDING'],
      state_reason: 'Resources',
      nodes: '',
      job_resources: null,
      restart_cnt: { set: true, infinite: false, number: 0 },
    },
  ],
];

test('a job that waits is the same in the JSON of every version', () => {
  for (const [version, job] of SHAPES) {
    const views = parseJson(JSON.stringify({ meta: { slurm: { version } }, jobs: [job], warnings: [], errors: [] }));
    assert.deepEqual([...views!], [['7', { state: 'PENDING', reason: 'Resources', nodes: '', restarts: 0 }]], version);
  }
});

test('of several states the one that Slurm writes in its text counts, nodes are found wherever they are', () => {
  const viewOf = (job: object) => parseJson(JSON.stringify({ jobs: [{ job_id: 7, state_reason: null, ...job }] }))!.get('7');
  const states: readonly (readonly [unknown, string | undefined])[] = [
    [['RUNNING', 'CONFIGURING'], 'CONFIGURING'],
    [['NODE_FAIL', 'COMPLETING'], 'COMPLETING'],
    [['PENDING', 'REQUEUED'], 'REQUEUED'],
    [['COMPLETED'], 'COMPLETED'],
    [[], undefined],
    [null, undefined],
    [[7], undefined],
  ];
  for (const [job_state, state] of states) assert.equal(viewOf({ job_state })?.state, state, JSON.stringify(job_state));
  for (const where of [
    { nodes: 'n1' },
    { nodes: { list: 'n1' } },
    { job_resources: { nodes: 'n1' } },
    { job_resources: { nodes: { list: 'n1' } } },
  ])
    assert.equal(viewOf({ job_state: 'RUNNING', ...where })?.nodes, 'n1', JSON.stringify(where));
  for (const jobs of [[null], ['x'], [7], [[]]]) assert.equal(parseJson(JSON.stringify({ jobs }))!.size, 0);
});
