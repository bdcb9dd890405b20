// A run that is given to a cluster, from the palette to its end, with a real Slurm.
import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SlurmCluster, whyNoSlurm } from '../support/slurm.js';
import { LaunchForm } from './support/form.js';
import { RunPanel } from './support/panel.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { until, type Workbench } from './support/workbench.js';

const skip = whyNoSlurm() ?? false;
let cluster: SlurmCluster;
let session: Session;
let workbench: Workbench;

before(async () => {
  if (skip !== false) return;
  cluster = await SlurmCluster.start();
  // The window's extension host asks Slurm as its server's environment says.
  Object.assign(process.env, cluster.env, { WISHBONE_SLURM_SECONDS: '1' });
  session = await Session.start();
  workbench = session.workbench;
  await session.settings({ 'wishbone.targets': { lab: { partition: 'all', timeLimit: '30' }, wrong: { partition: 'nowhere' } } });
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('slurm-last').catch(() => undefined);
  await session?.stop();
  await cluster?.stop();
});

/** Opens a launch form with everything but where it shall run, and chooses that. */
async function fill(target: string): Promise<LaunchForm> {
  const form = new LaunchForm(workbench);
  const frame = await form.fresh();
  await form.type('dataset', 'preferences.jsonl');
  await form.type('plan.epochs', '1');
  await form.type('runner.threads', '1');
  const dropdown = frame.locator('[data-field="target"] vscode-dropdown');
  await dropdown.scrollIntoViewIfNeeded();
  await until(`${target} is chosen`, async () => {
    await dropdown.locator('.control').click({ timeout: 5000 });
    await dropdown.locator('vscode-option', { hasText: `Slurm: ${target}` }).click({ timeout: 5000 });
    return (await dropdown.evaluate((element) => (element as unknown as { value: string }).value)) === target;
  });
  await form.figures();
  return form;
}

/** The rows of the Runs view. */
async function listed(): Promise<string> {
  return (await workbench.page.locator('.part.sidebar .monaco-list-row').allInnerTexts()).join('\n');
}

test('from the palette into the queue, to a machine, to the end', { skip }, async () => {
  // Both machines have something to do.
  const others = SlurmCluster.NODES.map(() => cluster.says('sbatch', '--parsable', '--output=/dev/null', '--wrap=sleep 600').trim());
  const form = await fill('lab');
  await workbench.screenshot('slurm-form');
  await form.start();
  const panel = new RunPanel(workbench);
  await panel.reach('queued');
  const frame = await workbench.webview('main#run h1');
  await until('the reason is shown', async () => /waits: (Resources|Priority)/.test(await frame.locator('main#run').innerText()));
  await workbench.command('Wishbone: Focus on Runs View');
  await until('the view says so', async () => /queued \((Resources|Priority)\)/.test(await listed()));
  await workbench.screenshot('slurm-queued');
  cluster.says('scancel', ...others);
  await panel.reach('running');
  await panel.reach('finished');
  const [run] = await runsIn(session.workspace);
  assert.ok(run);
  await access(join(run.folder, 'export/model.safetensors'));
  await until('the view says that it is done', async () => !/queued|running/.test(await listed()));
  await workbench.screenshot('slurm-finished');
  // Another of its kind is for the same cluster.
  await panel.press('Duplicate…');
  const copy = new LaunchForm(workbench);
  await until('the form has its target', async () => {
    const dropdown = (await copy.frame()).locator('[data-field="target"] vscode-dropdown');
    return (await dropdown.evaluate((element) => (element as unknown as { value: string }).value, undefined, { timeout: 5000 })) === 'lab';
  });
});

/** Answers the question whether a changed script gives way. */
async function answerScript(button: string): Promise<void> {
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  assert.match(await dialog.innerText(), /batch script of .* was changed by hand[^]*job\.sh/);
  await workbench.screenshot('slurm-changed-script');
  await dialog.locator('.monaco-button', { hasText: button }).click();
  await dialog.waitFor({ state: 'hidden' });
}

test('a job that waits is stopped, and what Slurm refuses is said', { skip }, async () => {
  const others = SlurmCluster.NODES.map(() => cluster.says('sbatch', '--parsable', '--output=/dev/null', '--wrap=sleep 600').trim());
  await (await fill('lab')).start();
  const panel = new RunPanel(workbench);
  await panel.reach('queued');
  await panel.press('Stop');
  await panel.reach('planned');
  assert.doesNotMatch(cluster.says('squeue', '-h'), /wishbone/);
  // A script that somebody has changed is theirs.
  const { folder } = await panel.snapshot();
  const script = join(folder, 'job.sh');
  const written = await readFile(script, 'utf8');
  const mine = written.replace('\ncd ', '\n# mine\ncd ');
  await writeFile(script, mine);
  await panel.press('Start');
  await answerScript('Cancel');
  assert.equal((await panel.snapshot()).state, 'planned');
  await panel.press('Start');
  await answerScript('Submit It as It Is');
  await panel.reach('queued');
  assert.equal(await readFile(script, 'utf8'), mine);
  await panel.press('Stop');
  await panel.reach('planned');
  await panel.press('Start');
  await answerScript('Write It Anew');
  await panel.reach('queued');
  assert.equal(await readFile(script, 'utf8'), written);
  await panel.press('Stop');
  await panel.reach('planned');
  cluster.says('scancel', ...others);
  await (await fill('wrong')).start();
  await until('its words', async () => (await workbench.notifications()).some((text) => /Slurm refuses the job: .*partition/i.test(text)));
  assert.equal((await runsIn(session.workspace)).length, 3, 'the run is there, and was not started');
});
