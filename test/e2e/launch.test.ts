import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { assertConfined } from './support/confined.js';
import { LaunchForm } from './support/form.js';
import { makeLargeModel } from '../support/large-model.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
let form: LaunchForm;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  form = new LaunchForm(workbench);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('launch-last').catch(() => undefined);
  await session?.stop();
});

test('the form says at once what is missing, and forecasts once it is there', async () => {
  await form.open();
  await until('the dataset is asked for', async () => /Choose a preference file/.test(await form.text('dataset')));
  assert.equal(await (await form.frame()).locator('.field.wrong').count(), 0, 'nothing is red before anything was typed');
  assert.match(await form.text('model'), /llama, .* parameters/, 'the only model of the workspace is taken');
  assert.match(await form.reason(), /One field/);
  await form.press('Start Run');
  const frame = await form.frame();
  await until('what is missing is red', async () => (await frame.locator('.field.wrong').getAttribute('data-field')) === 'dataset');
  assert.equal(await form.focused(), 'dataset', 'the start leads there');
  await form.type('dataset', 'nowhere.jsonl');
  await until('the path is looked at', async () => /no such file/i.test(await form.text('dataset')));
  await form.type('dataset', 'preferences.jsonl');
  const figures = await form.figures();
  assert.deepEqual([figures['Pairs'], figures['Steps']], ['120', '45'], '120 pairs, 8 a step, 3 epochs');
  assert.match(figures['Predicted speedup'] ?? '', /^1\.\d\d×$/);
  assert.match(
    (await frame.locator('.forecast-figures').textContent()) ?? '',
    /vs\. unpacked pairs; on (a CPU|an NVIDIA)/,
    'of the device that the run would take',
  );
  assert.match(figures['Peak memory'] ?? '', /MiB$/, 'the runner was asked');
  assert.equal(figures['Time'], 'not known yet');
});

test('a wrong value is said at its field, and the start waits for a better one', async () => {
  await form.type('training.learning_rate', 'fast');
  await until('it is said', async () => /Expected a number/.test(await form.text('training.learning_rate')));
  assert.match(await form.reason(), /One field/);
  await form.type('training.learning_rate', '1e-4');
  await form.type('plan.epochs', '2');
  await until('the forecast follows', async () => (await form.figures())['Steps'] === '30');
  assert.equal(await form.reason(), '');
});

test('the learning rate follows model and method until somebody gives one, and one that nobody takes is warned of', async () => {
  const again = await form.fresh();
  await form.type('dataset', 'preferences.jsonl');
  assert.equal(await form.value('training.learning_rate'), '2e-4', 'a model of a million parameters');
  assert.match(await form.text('training.learning_rate'), /usual for 1\.0 million parameters, all of them trained/);
  await again.locator('[data-field="training.use_peft"] vscode-checkbox').click();
  await until('an adapter takes more', async () => (await form.value('training.learning_rate')) === '0.001');
  await again.locator('[data-field="training.use_peft"] vscode-checkbox').click();
  await until('as before', async () => (await form.value('training.learning_rate')) === '2e-4');
  await form.type('training.learning_rate', '0.5');
  await until('it is warned of', async () =>
    /Far above what is used for 1\.0 million parameters/.test(await form.text('training.learning_rate')),
  );
  await form.figures();
  assert.equal(await form.reason(), '', 'and may be started');
  await again.locator('.doubts [data-leads-to="training.learning_rate"]').click();
  assert.equal(await form.focused(), 'training.learning_rate');
});

test('all parameters of a billion are offered neither the rate nor the epochs of a tiny model', async () => {
  await makeLargeModel(join(session.workspace, 'large'), join(session.workspace, 'tiny-llama'));
  await form.fresh();
  await form.type('model', 'large');
  await until('it is looked at', async () => /1\.2G parameters/.test(await form.text('model')));
  await until('the rate follows', async () => (await form.value('training.learning_rate')) === '1e-6');
  assert.match(await form.text('training.learning_rate'), /usual for 1\.2 billion parameters/);
  assert.equal(await form.value('plan.epochs'), '1');
  await form.type('training.learning_rate', '2e-4');
  await until('that one is warned of', async () =>
    /Far above .* 1\.2 billion parameters.*1e-6 is usual/.test(await form.text('training.learning_rate')),
  );
  // What somebody gave stays, whatever model is chosen.
  await form.type('model', 'tiny-llama');
  await until('it is looked at', async () => /1\.0M parameters/.test(await form.text('model')));
  assert.equal(await form.value('training.learning_rate'), '2e-4');
  await rm(join(session.workspace, 'large'), { recursive: true });
  await form.fresh();
  await form.type('dataset', 'preferences.jsonl');
});

test('no model moves in the list while what is in each is still being found out', async () => {
  const names = Array.from({ length: 5 }, (_, i) => `model-${String.fromCharCode(97 + i)}`);
  for (const name of names) await cp(join(session.workspace, 'tiny-llama'), join(session.workspace, 'more', name), { recursive: true });
  const { page } = workbench;
  // Where each entry was seen, whenever anything in the list changed. A text, since what compiles this file names functions.
  await page.evaluate(`{
    const places = {};
    globalThis.listSeen = { views: 0, places };
    globalThis.listObserver = new MutationObserver(() => {
      listSeen.views++;
      for (const row of document.querySelectorAll('.quick-input-list .monaco-list-row')) {
        const name = row.querySelector('.label-name')?.textContent ?? '';
        (places[name] ??= {})[row.dataset.index + ' at ' + row.style.top] = true;
      }
    });
    listObserver.observe(document.querySelector('.monaco-workbench'), { childList: true, subtree: true, attributes: true });
  }`);
  const frame = await form.frame();
  await frame.locator('[data-field="model"] vscode-button', { hasText: 'Choose' }).click();
  const rows = page.locator('.quick-input-list .monaco-list-row');
  await until('all are looked at', async () => {
    const texts = await rows.allInnerTexts();
    return texts.length === 7 && texts.filter((text) => !/Browse/.test(text)).every((text) => /fits here/.test(text));
  });
  await workbench.screenshot('launch-models');
  const seen = (await page.evaluate('listObserver.disconnect(), listSeen')) as {
    readonly views: number;
    readonly places: Readonly<Record<string, Readonly<Record<string, true>>>>;
  };
  await page.keyboard.press('Escape');
  await rm(join(session.workspace, 'more'), { recursive: true });
  assert.ok(seen.views > names.length, 'the list changed while it was open');
  const places = Object.entries(seen.places).filter(([name]) => /^\W*(model-|tiny-llama|Browse)/.test(name));
  assert.equal(places.length, 7, JSON.stringify(seen.places));
  for (const [name, all] of places) assert.equal(Object.keys(all).length, 1, `${name}: ${Object.keys(all).join(', ')}`);
});

test('faults are links to their fields, also to those folded away', async () => {
  const frame = await form.frame();
  await form.type('plan.seed', 'x');
  await form.type('training.beta', '-1');
  await until('both are named', async () => /^2 fields need a different value: Beta, Seed$/.test(await form.reason()));
  await form.type('training.learning_rate', '0.5');
  await until('a doubt is there too', async () => /learning rate/i.test((await frame.locator('.doubts').textContent()) ?? ''));
  await frame.locator('[data-field="training.beta"]').scrollIntoViewIfNeeded();
  await inEveryTheme(session, 'launch-faults', () => form.frame());
  await frame.locator('details:has([data-field="plan.seed"])').evaluate((details) => ((details as HTMLDetailsElement).open = false));
  await frame.locator('.reason [data-leads-to="plan.seed"]').click();
  assert.equal(await form.focused(), 'plan.seed');
  await form.type('plan.seed', '42');
  await form.type('training.beta', '0.1');
});

test('settings are found by name, label and help, with keys alone', async () => {
  const frame = await form.frame();
  await frame.locator('[data-field="training.beta"] input').focus();
  await workbench.page.keyboard.press('Control+F');
  await workbench.page.keyboard.type('warm-up');
  const shown = (): Promise<string[]> =>
    frame.locator('.field:visible').evaluateAll((fields) => fields.map((field) => (field as HTMLElement).dataset['field'] ?? ''));
  await until('they are found', async () => (await shown()).includes('training.warmup_steps') && !(await shown()).includes('plan.seed'));
  assert.match((await frame.locator('.search-count').textContent()) ?? '', /^\d+ of \d\d$/);
  await workbench.screenshot('launch-search');
  await workbench.page.keyboard.press('Enter');
  assert.ok((await shown())[0] === (await form.focused()), 'the first of them has the keys');
  await workbench.page.keyboard.press('Control+F');
  await workbench.page.keyboard.press('Escape');
  await until('all are back', async () => (await shown()).includes('dataset'));
});

test('start and forecast stay in view, however small the window and wherever it is scrolled', async () => {
  for (const [width, height] of [
    [1440, 900],
    [900, 600],
    [600, 600],
  ] as const) {
    await workbench.page.setViewportSize({ width, height });
    await workbench.sideBar(width > 1000);
    const frame = await form.frame();
    for (const end of [0, 1]) {
      await frame.evaluate((down) => window.scrollTo(0, down * document.documentElement.scrollHeight), end);
      for (const part of ['.start vscode-button', '.forecast', '.form-search']) {
        const seen = await frame
          .locator(part)
          .first()
          .evaluate((element) => {
            const { top, bottom, left, right } = element.getBoundingClientRect();
            const over = document.elementFromPoint((left + right) / 2, Math.max(top + 4, 0));
            return {
              inside: top >= -1 && bottom <= innerHeight + 1 && right <= innerWidth + 1,
              free: over !== null && (element.contains(over) || over.contains(element)),
            };
          });
        assert.deepEqual(seen, { inside: true, free: true }, `${part} at ${width}×${height}, ${end === 0 ? 'top' : 'end'}`);
      }
    }
    await workbench.screenshot(`launch-${width}`);
  }
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  await workbench.sideBar(true);
  await form.type('training.learning_rate', '1e-4');
  await form.type('plan.epochs', '2');
  // What was known before stays, dimmed, until it is known anew.
  await until('the forecast follows', async () => (await form.figures())['Steps'] === '30');
});

test('the form in every theme, for screen readers, and confined', async () => {
  await inEveryTheme(session, 'launch', () => form.frame());
  await assertConfined(await form.frame(), 'the launch form');
});

test('a reload of the window keeps what was typed', async () => {
  await workbench.reload();
  const frame = await form.frame();
  await until('the value is back', async () => (await frame.locator('[data-field="plan.epochs"] input').inputValue()) === '2');
  assert.equal((await form.figures())['Steps'], '30');
});

test('with keys alone: through the fields to the start', async () => {
  const frame = await form.frame();
  await frame.locator('[data-field="dataset"] input').focus();
  const reached = new Set<string>();
  for (let press = 0; press < 60; press++) {
    await workbench.page.keyboard.press('Tab');
    const at = await frame.evaluate(() => {
      const active = document.activeElement;
      return active?.closest('[data-field]')?.getAttribute('data-field') ?? active?.textContent ?? '';
    });
    reached.add(at);
    if (at === 'Start Run') break;
  }
  for (const stop of ['model', 'preset', 'training.loss_type', 'training.beta', 'plan.sharing', 'runner.backend', 'Start Run']) {
    assert.ok(reached.has(stop), `${stop} is reached: ${[...reached].join(', ')}`);
  }
});

test('"Save as Config" writes a run config that the form is filled from again', async () => {
  const frame = await form.frame();
  await form.type('name', 'kept settings');
  await frame.locator('vscode-button', { hasText: 'Save as Config' }).click();
  const file = join(session.workspace, 'kept.wishbone.json');
  await workbench.saveAs(file);
  const text = await until('the whole file', async () => {
    const written = await readFile(file, 'utf8').catch(() => '');
    return written.endsWith('}\n') ? written : undefined;
  });
  const config = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(config, {
    version: 1,
    name: 'kept settings',
    preset: 'quick',
    model: 'tiny-llama',
    dataset: 'preferences.jsonl',
    plan: { epochs: 2 },
    training: { learning_rate: 1e-4 },
  });
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Launch Run from Config…');
  await workbench.pick('kept.wishbone.json');
  const again = await form.frame();
  assert.equal(await again.locator('[data-field="plan.epochs"] input').inputValue(), '2');
  assert.equal(await again.locator('[data-field="name"] input').inputValue(), 'kept settings');
  await form.figures();
});

test('several losses make a sum; what is chosen is what the run is told', async () => {
  const frame = await form.frame();
  await frame.locator('vscode-button', { hasText: 'Add Loss' }).click();
  await until('a second loss is there', async () => (await frame.locator('.loss-row').count()) === 2);
  await form.type('name', 'two losses');
  await form.type('training.sample_steps', '10');
  await form.figures();
  await form.start();
  const [run] = await until('a run', async () => {
    const runs = await runsIn(session.workspace);
    return runs.length > 0 && runs;
  });
  const config = JSON.parse(await readFile(join(run!.folder, 'run.json'), 'utf8')) as {
    name: string;
    training: { loss_type: unknown; learning_rate: number };
    plan: { epochs: number };
  };
  assert.equal(config.name, 'two losses');
  assert.deepEqual(config.training.loss_type, ['sigmoid', 'hinge']);
  assert.equal(config.training.learning_rate, 1e-4);
  assert.equal(config.plan.epochs, 2);
  await workbench.webview('main#run h1');
  await until('it ends', async () => (await run!.ofType('finished')).length === 1);
});

test('its samples are shown: the policy beside the reference, prompt by prompt', async () => {
  const page = await workbench.webview('main#run .samples .sample.policy');
  const samples = page.locator('.samples');
  await until('the newest is there', async () => /Policy after step 30/.test(await samples.innerText()));
  assert.match(await samples.locator('.sample.prompt pre').innerText(), /<\|user\|>|<\|begin\|>/);
  const unseen = await samples.locator('.sample.prompt pre').evaluate((text) => text.scrollHeight - text.clientHeight - text.scrollTop);
  assert.ok(Math.abs(unseen) <= 1, `the prompt's last ${unseen} pixels are not seen`);
  assert.notEqual(await samples.locator('.sample.reference pre').innerText(), '');
  await samples.locator('vscode-dropdown').nth(1).locator('.control').click();
  await samples.locator('vscode-option', { hasText: 'Step 10' }).click();
  await until('an earlier one', async () => /Policy after step 10/.test(await samples.innerText()));
  await samples.scrollIntoViewIfNeeded();
  await inEveryTheme(session, 'samples', () => workbench.webview('main#run .samples .sample.policy'));
});

test('a run is duplicated with its settings; its pace tells the time', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Duplicate Run with Changes…');
  await workbench.pick('two losses');
  const frame = await form.frame();
  assert.equal(await frame.locator('.loss-row').count(), 2);
  await until('the time is known', async () => /^about /.test((await form.figures())['Time'] ?? ''));
  assert.match(
    (await frame.locator('.forecast-figures').textContent()) ?? '',
    /steps at the pace of two losses, files as fast as in earlier runs here/,
  );
});

test('prompts in common are told of, and shared by two clicks', async () => {
  // Four answers to each of ten prompts, all six pairs of them.
  const answers = ['It is blue.', 'It is red.', 'I cannot say.', 'Ask someone else about that.'];
  const pairs = Array.from({ length: 10 }, (_, i) =>
    answers.flatMap((chosen, a) =>
      answers
        .slice(a + 1)
        .map((rejected) => ({ prompt: `What colour has the thing of number ${i} in the long list of things? `, chosen, rejected })),
    ),
  ).flat();
  await writeFile(join(session.workspace, 'answers.jsonl'), pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  await workbench.command('View: Close All Editors');
  await form.open();
  await form.type('dataset', 'answers.jsonl');
  const frame = await form.frame();
  const notice = frame.locator('.forecast-notices .notice', { hasText: 'Prompts in common' });
  await until('it is told', async () => /60 pairs have 10 prompts: sharing "tree"/.test(await notice.innerText()));
  const apart = (await form.figures())['Tokens'];
  await workbench.clearNotifications();
  await notice.scrollIntoViewIfNeeded();
  await workbench.screenshot('launch-prompts-in-common');
  await notice.locator('vscode-button', { hasText: 'Sharing: tree' }).click();
  await until('the next one is about the order', async () => /order "prefix" brings those of one prompt/.test(await notice.innerText()));
  await notice.locator('vscode-button', { hasText: 'Order: prefix' }).click();
  await until('nothing is left to be shared', async () => (await notice.count()) === 0);
  const count = (tokens: string | undefined): number => Number(tokens?.replaceAll(',', ''));
  const together = (await form.figures())['Tokens'];
  assert.ok(count(together) < 0.5 * count(apart), `${together} of ${apart} tokens`);
});
