import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before } from 'node:test';
import { type StandInMlflow, standInMlflow } from '../support/stand-in-mlflow.js';
import { LaunchForm } from './support/form.js';
import { RunPanel } from './support/panel.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { until, type Workbench } from './support/workbench.js';

const TOKEN = 'a secret token';

const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let server: StandInMlflow;
let form: LaunchForm;
let panel: RunPanel;

before(async () => {
  server = await standInMlflow({ authorization: `Bearer ${TOKEN}` });
  session = await Session.start();
  workbench = session.workbench;
  form = new LaunchForm(workbench);
  panel = new RunPanel(workbench);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('last').catch(() => undefined);
  await session?.stop();
  await server?.stop();
});

step('a tracker that is none, or that nothing says the place of, is said at its field', async () => {
  await form.open();
  await form.type('dataset', 'preferences.jsonl');
  await form.type('reportTo', 'neptune');
  await until('the name is refused', async () => /no tracker neptune here/.test(await form.text('reportTo')));
  await form.type('reportTo', 'mlflow');
  await until('the address is asked for', async () => /wishbone\.trackers\.mlflow\.uri/.test(await form.text('reportTo')));
  await session.settings({ 'wishbone.trackers.mlflow.uri': server.uri, 'wishbone.trackers.mlflow.experiment': 'from the editor' });
  await until('the setting is taken', async () => /separated by commas/.test(await form.text('reportTo')));
});

step('a run whose server wants a token trains, and says once what is in the way', async () => {
  await form.type('plan.epochs', '2');
  await form.figures();
  await form.start();
  await panel.when('the run as finished', ({ state }) => state === 'finished');
  await until('the warning is shown', async () =>
    (await workbench.notifications()).some((text) => /is not all in MLflow yet.*401/s.test(text)),
  );
  const frame = await workbench.webview('main#run h1');
  await until('the panel says so', async () =>
    /MLflow \(not all there yet: MLflow answered 401/.test((await frame.locator('.trackers').textContent()) ?? ''),
  );
  assert.equal(server.runs.length, 0);
});

step('the token goes into the secret storage, the run to the server, and its page into the panel', async () => {
  await workbench.command('Wishbone: Set Tracker Secret…');
  await workbench.type('User Name for MLflow', '');
  await workbench.type('Token for MLflow', TOKEN);
  const [run] = await runsIn(session.workspace);
  assert.ok(run !== undefined);
  await workbench.command('Wishbone: Send to Trackers');
  await workbench.pick(basename(run.folder));
  await until('the run is there', async () => server.runs[0]?.status === 'FINISHED');
  assert.equal(server.experiments.get('1')?.name, 'from the editor');
  const steps = await run.ofType('step');
  const losses = [...server.runs[0]!.metrics.values()].filter(({ key }) => key === 'loss').sort((a, b) => a.step - b.step);
  assert.deepEqual(
    losses.map(({ step, value }) => [step, value]),
    steps.map((event) => [event['step'], event['loss']]),
  );
  const frame = await workbench.webview('main#run h1');
  const link = frame.locator('.trackers a');
  await until('the link is shown', async () => (await link.count()) === 1);
  assert.equal(await link.getAttribute('href'), `${server.uri}/#/experiments/1/runs/run1`);
  const { execa } = await import('execa');
  const found = await execa('grep', ['-rl', TOKEN, join(session.workspace, '.wishbone'), join(session.workspace, '.vscode')], {
    reject: false,
  });
  assert.equal(found.stdout, '', 'no file has the secret');
});
