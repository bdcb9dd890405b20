import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, LEAST_CAPACITY } from '../../../src/core/options/index.js';
import { newRunConfig, type RunConfig } from '../../../src/core/run/index.js';

/** A folder that goes away with the test. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-run-'));
  // Retried: how a runner ended is noted in its folder when it has ended, which may be just now.
  context.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));
  return folder;
}

export function exampleConfig(now = new Date('2026-01-02T15:04:05.000Z')): RunConfig {
  return newRunConfig(
    {
      name: 'example',
      dataset: { path: '/data/pairs.jsonl', sha256: 'a'.repeat(64), format: 'trl-explicit', pairs: 96 },
      model: { path: '/models/tiny' },
      plan: { ...DEFAULT_PLAN, capacity: LEAST_CAPACITY },
      training: DEFAULT_TRAINING,
      runner: DEFAULT_RUNNER,
    },
    now,
  );
}

let sequence = 0;

/** Event lines with rising `seq`, unless it is given. */
export function eventLine(type: string, fields: Record<string, unknown> = {}): string {
  return `${JSON.stringify({ seq: sequence++, time: '2026-01-02T15:04:05.000Z', type, ...fields })}\n`;
}

export function startLine(fields: Record<string, unknown> = {}): string {
  return eventLine('start', {
    version: '0.1.0',
    backend: 'cpu',
    device: 'a processor',
    threads: 2,
    pid: 1,
    pidStart: 1,
    bootId: 'another boot',
    resumedFrom: null,
    steps: 10,
    pairs: 80,
    parameters: 1000,
    ...fields,
  });
}

export function stepLine(step: number, fields: Record<string, unknown> = {}): string {
  return eventLine('step', {
    step,
    steps: 10,
    epoch: step / 10,
    pairs: 8,
    tokens: 1000,
    seconds: 0.5,
    flops: 1e9,
    speedOfLight: 0.5,
    loss: 0.75 - step / 64,
    'rewards/chosen': step / 100,
    'rewards/rejected': -step / 100,
    'rewards/margins': step / 50,
    'rewards/accuracies': 0.5,
    'logps/chosen': -100,
    'logps/rejected': -120,
    grad_norm: 1,
    learning_rate: 1e-6,
    ...fields,
  });
}

/** An evaluation after `step` steps. */
export function evalLine(step: number, fields: Record<string, unknown> = {}): string {
  return eventLine('eval', {
    step,
    steps: 10,
    epoch: step / 10,
    pairs: 4,
    seconds: 0.1,
    eval_loss: 0.75 - step / 64,
    'eval_rewards/chosen': step / 100,
    'eval_rewards/rejected': -step / 100,
    'eval_rewards/margins': step / 50,
    'eval_rewards/accuracies': 0.5,
    'eval_logps/chosen': -100,
    'eval_logps/rejected': -120,
    best: true,
    ...fields,
  });
}

/** A runner made of a few lines of Node; `events` is a helper that appends an event with the right head. */
export async function fakeRunner(folder: string, body: string): Promise<string> {
  const file = path.join(folder, 'fake-runner');
  await writeFile(
    file,
    `#!${process.execPath}
const fs = require('node:fs');
const path = require('node:path');
const [command, folder, ...flags] = process.argv.slice(2);
const log = path.join(folder, 'events.jsonl');
const readSeq = () => { try { return fs.readFileSync(log, 'utf8').split('\\n').length - 1; } catch { return 0; } };
let seq = readSeq();
const event = (type, fields) =>
  fs.appendFileSync(log, JSON.stringify({ seq: seq++, time: new Date().toISOString(), type, ...fields }) + '\\n');
const stat = fs.readFileSync('/proc/self/stat', 'latin1');
const pidStart = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
const start = (fields = {}) => event('start', { version: '0', backend: 'cpu', device: 'd', threads: 1, pid: process.pid, pidStart,
  bootId, resumedFrom: null, steps: 10, pairs: 80, parameters: 1, ...fields });
${body}
`,
  );
  await chmod(file, 0o755);
  return file;
}

/** While a file of this name lies beside the run, a step that was asked to be the last one is under way. */
export const LAST_STEP = 'last-step';

/** A {@link fakeRunner} that runs until SIGTERM, then does as the real one does; a second SIGTERM ends it at once. */
export const STEADY = `
let asked = 0;
process.on('SIGTERM', () => {
  if (++asked > 1) process.exit(130);
  console.log('asked to stop');
  setInterval(() => {
    if (fs.existsSync(path.join(folder, '${LAST_STEP}'))) return;
    event('stopped', { step: 1 });
    process.exit(0);
  }, 10);
});
start({ resumedFrom: flags.includes('--resume') ? 3 : null });
console.log('at work');
setInterval(() => {}, 1000);`;

/** Waits until a condition holds. Patient: a loaded machine is slow, not wrong. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
