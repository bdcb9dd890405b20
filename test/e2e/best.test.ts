// A run that overfits: what it is judged by is its evaluation, and its best model is one click away.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before } from 'node:test';
import { promisify } from 'node:util';
import { briefData } from '../cli/support.js';
import { RunPanel } from './support/panel.js';
import { type RunOnDisk, runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let panel: RunPanel;
let run: RunOnDisk;
/** Steps of the best evaluation and of the last one, with their figures. */
let best: Evaluation;
let last: Evaluation;

interface Evaluation {
  readonly step: number;
  readonly eval_loss: number;
  readonly 'eval_rewards/accuracies': number;
  readonly best: boolean;
}

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  panel = new RunPanel(workbench);
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 900, height: 900 });
  await workbench.command('Wishbone: Focus on Runs View');
});

after(async () => {
  await workbench?.screenshot('best-last').catch(() => undefined);
  await session?.stop();
});

function row(name: string): Promise<string> {
  return until(`${name} is in the view`, async () => {
    const texts = await workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: name }).allInnerTexts();
    return texts[0]?.replaceAll('\n', ' ');
  });
}

step('the end of a run that overfits is told with its evaluation, and offers the best model', async () => {
  // Evaluated on its own pairs the other way round: what it learns makes that worse.
  const rows = (await readFile(briefData(), 'utf8')).trim().split('\n').slice(0, 32);
  await writeFile(join(session.workspace, 'few.jsonl'), rows.join('\n'));
  const swapped = rows.map((text) => {
    const { chosen, rejected, ...rest } = JSON.parse(text) as Record<string, unknown>;
    return JSON.stringify({ ...rest, chosen: rejected, rejected: chosen });
  });
  await writeFile(join(session.workspace, 'other.jsonl'), swapped.join('\n'));
  const options = ['--model', 'tiny-llama', '--name', 'too far', '--epochs', '6', '--batch-size', '8', '--learning-rate', '1e-3'];
  const evaluation = ['--eval-dataset', 'other.jsonl', '--eval-steps', '4', '--save-steps', '0', '--backend', 'cpu'];
  await promisify(execFile)(process.execPath, [cli, 'train', 'few.jsonl', ...options, ...evaluation], { cwd: session.workspace });
  [run] = (await runsIn(session.workspace)) as [RunOnDisk];
  const evals = (await run.ofType('eval')) as unknown as Evaluation[];
  last = evals.at(-1)!;
  best = evals.filter((event) => event.best).at(-1)!;
  assert.ok(best.step < last.step && last.eval_loss > best.eval_loss * 1.1, 'it overfits');

  const told = await until('its end is told', async () =>
    (await workbench.notifications()).find((text) => text.includes('too far finished')),
  );
  assert.match(told, new RegExp(`eval loss ${shown(last.eval_loss)}.*best ${shown(best.eval_loss)} at step ${best.step}`));
  await until(
    'the best model is offered',
    async () => (await workbench.page.locator('.notification-list-item .monaco-button', { hasText: 'Export Best' }).count()) > 0,
  );
  await workbench.clearNotifications();
});

/** As the panel and the view write a metric. */
function shown(value: number): string {
  return value.toPrecision(4).replace('.', '\\.');
}

step('the view shows its evaluation, not its last batch', async () => {
  assert.match(await row('too far'), new RegExp(`${last.eval_loss.toPrecision(3).replace('.', '\\.')} · eval`));
});

step('the panel shows evaluation and best, warns, and exports the best with one click', async () => {
  await until('the run is opened', async () => {
    await workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'too far' }).click();
    return (await workbench.tabs()).includes('too far');
  });
  const snapshot = await panel.when('the evaluation', ({ figures }) => figures['Eval loss'] !== undefined);
  assert.match(snapshot.figures['Eval loss']!, new RegExp(`^${shown(last.eval_loss)}`));
  assert.equal(Number.parseFloat(snapshot.figures['Eval accuracy']!), Math.round(100 * last['eval_rewards/accuracies']));
  assert.equal(snapshot.figures['Loss'], undefined, 'no figure of a single batch');
  assert.match(snapshot.notice, new RegExp(`has become worse since step ${best.step}`));
  const frame = await workbench.webview('main#run h1');
  assert.match((await frame.locator('.figures-note').textContent())!, new RegExp(`The best was after step ${best.step}\\.`));
  assert.match((await frame.locator('.figures .best').first().textContent())!, new RegExp(`^best: ${shown(best.eval_loss)}$`));
  await inEveryTheme(session, 'best-900', () => workbench.webview('main#run h1'));

  await frame.locator('.notice.good vscode-button', { hasText: 'Export Best' }).click();
  const model = join(run.folder, 'exports', `step-${String(best.step).padStart(6, '0')}`);
  await until('the panel knows of the best model', async () => (await panel.snapshot()).notice.includes(model));
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'README.md']) await access(join(model, name));
  const kept = await readFile(join(run.folder, 'checkpoints', `step-${String(best.step).padStart(6, '0')}`, 'state.json'), 'utf8');
  assert.equal((JSON.parse(kept) as { weights_only?: boolean }).weights_only, true);
  assert.equal(await frame.locator('vscode-button', { hasText: 'Export Best' }).count(), 0, 'done once');
  await until('it is said where', async () => (await workbench.notifications()).some((text) => text.includes('The best model of too far')));
});

step('a run whose evaluation becomes worse is warned of while it goes, and stops with its best exported', async () => {
  await workbench.clearNotifications();
  const options = ['--model', 'tiny-llama', '--name', 'ever further', '--epochs', '400', '--batch-size', '8', '--learning-rate', '1e-3'];
  const evaluation = ['--eval-dataset', 'other.jsonl', '--eval-steps', '4', '--save-steps', '0', '--backend', 'cpu', '--detach'];
  await promisify(execFile)(process.execPath, [cli, 'train', 'few.jsonl', ...options, ...evaluation], { cwd: session.workspace });
  const running = (await runsIn(session.workspace)).find(({ folder }) => folder !== run.folder)!;
  await until('it is warned of', async () =>
    (await workbench.notifications()).some((text) => /ever further: evaluation has become worse since step \d+/.test(text)),
  );
  await workbench.page.locator('.notification-list-item .monaco-button', { hasText: 'Stop and Export Best' }).click();
  await until('it has stopped', async () => (await running.ofType('stopped')).length === 1);
  const evals = (await running.ofType('eval')) as unknown as Evaluation[];
  const name = `step-${String(evals.filter((event) => event.best).at(-1)!.step).padStart(6, '0')}`;
  await until('its best is exported', () => access(join(running.folder, 'exports', name, 'model.safetensors')).then(() => true));
  await until('its process is gone', async () => !(await running.alive()));
  await until('it is said where', async () => (await workbench.notifications()).some((text) => text.includes(`exports/${name}`)));
});
