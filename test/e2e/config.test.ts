import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TextEditor } from './support/editor.js';
import { LaunchForm } from './support/form.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { until, type Workbench } from './support/workbench.js';

const CONFIG = `{
  // A run of two steps.
  "version": 1,
  "name": "from a file",
  "model": "tiny-llama",
  "dataset": "preferences.jsonl",
  "plan": { "batch_size": 8, "max_steps": 2 },
  "training": {
    "loss_type": ["sigmoid", "sft"],
    "loss_weights": [1, 0.2],
    "learning_rate": 2e-4
  },
  "runner": { "backend": "cpu" }
}
`;

let session: Session;
let workbench: Workbench;
let editor: TextEditor;
let form: LaunchForm;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  editor = new TextEditor(workbench);
  form = new LaunchForm(workbench);
  await writeFile(join(session.workspace, 'run.wishbone.json'), CONFIG);
  await writeFile(
    join(session.workspace, 'bad.wishbone.json'),
    CONFIG.replace('"learning_rate"', '"learning_rte"').replace('"version"', '"sharing": "pair",\n  "version"'),
  );
  const contradiction = CONFIG.replace('"learning_rate": 2e-4', '"sync_ref_model": true');
  await writeFile(join(session.workspace, 'contradiction.wishbone.json'), contradiction);
  const fixture = join(import.meta.dirname, '../fixtures/convert/examples/trl-dpo.yaml');
  await mkdir(join(session.workspace, 'recipes'));
  await copyFile(fixture, join(session.workspace, 'recipes/dpo.yaml'));
  await writeFile(join(session.workspace, 'recipes/few.yaml'), 'beta: 0.2\nmax_length: 256\n');
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('config-last').catch(() => undefined);
  await session?.stop();
});

test('what is wrong in a run config stands in the Problems view, with what was meant', async () => {
  await editor.open('bad.wishbone.json');
  await workbench.command('View: Focus Problems (Errors, Warnings, Infos)');
  // One is of the JSON schema, the others are Wishbone's own.
  const problems = await until('the problems', async () => {
    const found = await editor.problems();
    return found.some((text) => /Property learning_rte is not allowed/.test(text)) && found;
  });
  const text = problems.join('\n');
  assert.match(text, /Unknown field "training\.learning_rte": did you mean "training\.learning_rate"\?/);
  assert.match(text, /Unknown field "sharing": it belongs in "plan"/);
  await editor.goTo(12, 8);
  assert.deepEqual(
    (await editor.fixes()).filter((title) => title.startsWith('Change to')),
    ['Change to "learning_rate"'],
  );
  await editor.chooseFix('Change to "learning_rate"');
  await until('it is repaired', async () => (await editor.lines()).some((line) => line.includes('"learning_rate": 2e-4')));
  await until('nothing is said of it any more', async () => !(await editor.problems()).some((one) => /learning_rte/.test(one)));
  await workbench.command('File: Revert File');
  await editor.open('contradiction.wishbone.json');
  await until('the contradiction', async () => (await editor.problems()).some((one) => /cannot be computed up front/.test(one)));
  await workbench.command('View: Close All Editors');
});

test('completion and hovers come from the schema', async () => {
  await editor.open('run.wishbone.json');
  await editor.goTo(11, 7);
  await until('the hover', async () => /peak learning rate/.test(await editor.hover()));
  await workbench.page.keyboard.press('Escape');
  await editor.goTo(11, 5);
  await workbench.page.keyboard.type('"warm');
  await workbench.page.keyboard.press('Control+Space');
  const list = workbench.page.locator('.suggest-widget.visible .monaco-list-row');
  await until('the options are offered', async () => (await list.allInnerTexts()).some((label) => label.includes('warmup_ratio')));
  await workbench.screenshot('config-completion');
  await workbench.page.keyboard.press('Escape');
  await editor.undo();
  await workbench.command('File: Revert File');
});

test('the launch form opens with a config, and the run is what the file says', async () => {
  await until('the way to a run stands above the file', async () =>
    (await editor.lenses()).some((lens) => lens.includes('Launch Run from Config')),
  );
  await editor.pressLens('Launch Run from Config');
  const frame = await form.frame();
  const value = (field: string): Promise<string> => frame.locator(`[data-field="${field}"] input`).inputValue();
  await until('the file is there', async () => /preferences\.jsonl$/.test(await value('dataset')));
  assert.equal(await value('plan.batch_size'), '8');
  assert.equal(await value('plan.max_steps'), '2');
  assert.equal(await value('name'), 'from a file');
  assert.equal(await frame.locator('.loss-row').count(), 2);
  const figures = await form.figures();
  assert.deepEqual([figures['Pairs'], figures['Steps']], ['120', '2']);
  await workbench.screenshot('config-launch');

  await frame.locator('vscode-button', { hasText: 'Save as Config' }).click();
  const saved = join(session.workspace, 'saved.wishbone.json');
  const name = workbench.page.locator('.quick-input-widget .quick-input-box input');
  await until('a name is proposed', async () => /\.wishbone\.json$/.test(await name.inputValue()));
  await workbench.saveAs(saved);
  await until('the config is saved', async () => (await readdir(session.workspace)).includes('saved.wishbone.json'));
  const { plan, training, model } = JSON.parse(await readFile(saved, 'utf8')) as Record<string, unknown>;
  assert.deepEqual(plan, { batch_size: 8, max_steps: 2 });
  assert.deepEqual(training, { loss_type: ['sigmoid', 'sft'], loss_weights: [1, 0.2], learning_rate: 2e-4 });
  assert.equal(model, 'tiny-llama');

  await form.start();
  const [run] = await until('a run', async () => {
    const runs = await runsIn(session.workspace);
    return runs.length > 0 && runs;
  });
  await until('it ends', async () => (await run!.ofType('finished')).length === 1);
  const config = JSON.parse(await readFile(join(run!.folder, 'run.json'), 'utf8')) as {
    name: string;
    plan: { max_steps: number };
    training: { loss_type: unknown; loss_weights: unknown; learning_rate: number };
  };
  assert.equal(config.name, 'from a file');
  assert.equal(config.plan.max_steps, 2);
  assert.deepEqual(config.training.loss_type, ['sigmoid', 'sft']);
  assert.deepEqual(config.training.loss_weights, [1, 0.2]);
  assert.equal(config.training.learning_rate, 2e-4);
  assert.equal((await run!.ofType('step')).length, 2);
  await workbench.command('View: Close All Editors');
});

test('a config of several files opens the form with a row for each; rows come and go', async () => {
  const lines = (await readFile(join(session.workspace, 'preferences.jsonl'), 'utf8')).split('\n');
  await writeFile(join(session.workspace, 'more.jsonl'), `${lines.slice(0, 20).join('\n')}\n`);
  const several = CONFIG.replace('"preferences.jsonl"', '["preferences.jsonl", "more.jsonl:2"]').replace(', "max_steps": 2', '');
  await writeFile(join(session.workspace, 'several.wishbone.json'), several);
  await editor.open('several.wishbone.json');
  await until('the way to a run', async () => (await editor.lenses()).some((lens) => lens.includes('Launch Run from Config')));
  await editor.pressLens('Launch Run from Config');
  const frame = await form.frame();
  const rows = frame.locator('[data-field="dataset"] input');
  await until('two rows', async () => (await rows.count()) === 2);
  assert.equal(await rows.nth(1).inputValue(), join(session.workspace, 'more.jsonl:2'));
  await until('the files are looked at', async () => /^2 files: /.test(await form.text('dataset')));
  assert.equal((await form.figures())['Steps'], '20', '120 pairs and twice 20, 8 a step');
  await frame.locator('vscode-button[aria-label="Remove dataset 2"]').click();
  await until('one row', async () => (await rows.count()) === 1);
  await until('the forecast follows', async () => (await form.figures())['Steps'] === '15');
  await frame.locator('[data-field="dataset"] vscode-button', { hasText: 'Add Dataset' }).click();
  await rows.nth(1).fill('nowhere.jsonl');
  await until('it is said which', async () => /No such file: nowhere\.jsonl/.test(await form.text('dataset')));
  await workbench.screenshot('config-several');
  await rows.nth(1).fill('more.jsonl');
  await until('its pairs count', async () => (await form.figures())['Pairs'] === '140');
  await frame.locator('vscode-button', { hasText: 'Save as Config' }).click();
  const saved = join(session.workspace, 'mixture.wishbone.json');
  await workbench.saveAs(saved);
  const text = await until('the config', () => readFile(saved, 'utf8').catch(() => undefined));
  assert.deepEqual((JSON.parse(text) as { dataset: unknown }).dataset, ['preferences.jsonl', 'more.jsonl']);
  await workbench.command('View: Close All Editors');
});

test('a TRL recipe becomes a run config, and the file says what was lost', async () => {
  await editor.open('dpo.yaml');
  await workbench.command('Wishbone: Convert TRL or LLaMA-Factory Config…');
  await workbench.type('Devices of the Config', '2');
  await until('the config is open', async () => (await workbench.tabs()).includes('dpo.wishbone.json'));
  const text = await readFile(join(session.workspace, 'recipes/dpo.wishbone.json'), 'utf8');
  assert.match(text, /^\/\/ From dpo\.yaml \(TRL\)\./);
  assert.match(text, /line 26, optim: "adamw_8bit"/);
  assert.match(text, /"batch_size": 64/);
  await until('it is said', async () =>
    (await workbench.notifications()).some((note) => /carried over; \d+ settings could not be/.test(note)),
  );
  await workbench.screenshot('config-converted');
});

test('of a config that may be of several trainers it is asked which', async () => {
  await workbench.command('View: Close All Editors');
  await editor.open('few.yaml');
  await workbench.command('Wishbone: Convert TRL or LLaMA-Factory Config…');
  await workbench.pick('ORPO');
  await workbench.type('Devices of the Config', '1');
  await until('the config is open', async () => (await workbench.tabs()).includes('few.wishbone.json'));
  const text = await readFile(join(session.workspace, 'recipes/few.wishbone.json'), 'utf8');
  assert.match(text, /^\/\/ From few\.yaml \(TRL, ORPO\)\./);
  assert.match(text, /"loss_type": "orpo"/);
});
