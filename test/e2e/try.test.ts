import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Frame, Locator } from 'playwright-core';
import { chatRunners } from '../support/chat-runners.js';
import { assertConfined } from './support/confined.js';
import { assertReachedWithTab } from './support/keyboard.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const run = promisify(execFile);

let session: Session;
let workbench: Workbench;
/** Of the run. */
let folder: string;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  const runs = join(session.workspace, '.wishbone/runs');
  await run(process.execPath, [
    ...[cli, 'train', join(session.workspace, 'preferences.jsonl'), '--model', join(session.workspace, 'tiny-llama')],
    ...['--name', 'taught', '--preset', 'quick', '--max-steps', '12', '--runs', runs],
    ...['--save-steps', '4', '--save-total-limit', '0', '--eval-fraction', '0.2', '--eval-steps', '12'],
  ]);
  folder = join(runs, (await readdir(runs)).find((name) => !name.startsWith('.'))!);
  // No token ends what it writes, and there is room for more than anybody waits for.
  await otherModel('endless', async (file) => {
    await change(file('config.json'), ({ eos_token_id: _, ...rest }) => ({ ...rest, max_position_embeddings: 65_536 }));
    await change(file('generation_config.json'), ({ eos_token_id: _, ...rest }) => rest);
  });
  await otherModel('strict', (file) =>
    change(file('tokenizer_config.json'), (config) => ({
      ...config,
      chat_template: `{% if messages[0].role == 'system' %}{{ raise_exception('No system role, please') }}{% endif %}${String(config['chat_template'])}`,
    })),
  );
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('try-last').catch(() => undefined);
  await session?.stop();
});

/** A copy of the example model that is a little different. */
async function otherModel(name: string, alter: (file: (name: string) => string) => Promise<void>): Promise<void> {
  const copy = join(session.workspace, name);
  await cp(join(session.workspace, 'tiny-llama'), copy, { recursive: true });
  await alter((file) => join(copy, file));
}

async function change(file: string, changed: (config: Record<string, unknown>) => object): Promise<void> {
  await writeFile(file, JSON.stringify(changed(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>)));
}

function page(): Promise<Frame> {
  return workbench.webview('main#try .prompt');
}

const button = async (label: string): Promise<Locator> => (await page()).locator('vscode-button', { hasText: label });
const prompt = async (): Promise<Locator> => (await page()).locator('.prompt:not(.system)');
const last = async (): Promise<Locator> => (await page()).locator('.turn').last();

async function set(field: string, value: string): Promise<void> {
  const frame = await page();
  const folded = frame.locator('.settings-box:not([open]) > summary');
  if ((await folded.count()) > 0) await folded.click();
  await frame.locator(`[data-field="${field}"] input`).fill(value);
}

async function say(text: string): Promise<void> {
  await (await prompt()).fill(text);
  await (await button('Send')).click();
}

async function choose(side: 'left' | 'right', label: string): Promise<void> {
  const frame = await page();
  const list = frame.locator(`vscode-dropdown[aria-label="Model on the ${side}"]`);
  await list.click();
  await list.locator('vscode-option', { hasText: label }).first().click();
}

async function chosen(side: 'left' | 'right', label: string): Promise<void> {
  await until(`${label} is chosen`, async () => {
    const list = (await page()).locator(`vscode-dropdown[aria-label="Model on the ${side}"]`);
    return (await list.evaluate((element) => (element as HTMLElement & { displayValue: string }).displayValue)) === label;
  });
}

async function system(text: string): Promise<void> {
  const frame = await page();
  const folded = frame.locator('.system-box:not([open]) > summary');
  if ((await folded.count()) > 0) await folded.click();
  await frame.locator('.prompt.system').fill(text);
}

/** What stands on a side of the last turn. */
async function answer(side: 'left' | 'right'): Promise<{ model: string; text: string; state: string; facts: string }> {
  const box = (await last()).locator(`.answer.${side}`);
  return {
    model: await box.locator('h3').innerText(),
    text: await box.locator('.answer-head + pre').innerText(),
    state: (await box.getAttribute('data-state')) ?? '',
    facts: await box.locator('.answer-facts').innerText(),
  };
}

async function answered(turns: number): Promise<{ left: string; right: string }> {
  await until(`both have answered turn ${turns}`, async () => {
    const frame = await page();
    if ((await frame.locator('.turn').count()) !== turns) return false;
    return (await (await last()).getAttribute('data-state')) === 'over';
  });
  return { left: (await answer('left')).text, right: (await answer('right')).text };
}

/** The rendered prompt of a side of the last turn, and the ids and texts of its tokens. */
async function tokens(side: 'left' | 'right'): Promise<{ rendered: string; prompt: string[]; answer: string[]; special: string[] }> {
  const box = (await last()).locator(`.answer.${side}`);
  await box.locator('vscode-button', { hasText: 'Tokens' }).click();
  await box.locator('.rendered').waitFor();
  const [first, second] = [box.locator('.token-list').first(), box.locator('.token-list').last()];
  return {
    rendered: await box.locator('.rendered').innerText(),
    prompt: await first.locator('.token-id').allInnerTexts(),
    answer: await second.locator('.token-id').allInnerTexts(),
    special: await first.locator('.token.special .token-text').allInnerTexts(),
  };
}

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

async function sampled(model: string, text: string): Promise<{ policy: string; reference?: string }> {
  const { stdout } = await run(process.execPath, [cli, 'sample', model, '--prompt', text, '--max-new-tokens', '24', '--json']);
  return (JSON.parse(stdout) as { samples: { policy: string; reference?: string }[] }).samples[0]!;
}

test('a finished run has "Try It": its model and its reference answer side by side as the command line has them answer', async () => {
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('taught');
  const panel = await workbench.webview('main#run .notice');
  await panel.locator('vscode-button', { hasText: 'Try It' }).click();
  await set('maxTokens', '24');
  await say('Name a prime.');
  const shown = await answered(1);
  const { policy, reference } = await sampled(folder, 'Name a prime.');
  assert.deepEqual([plain(shown.left), plain(shown.right)], [plain(policy), plain(reference!)]);
  assert.notEqual(shown.left, '');
  assert.deepEqual([(await answer('left')).model, (await answer('right')).model], ['Trained model', 'Reference: tiny-llama']);
});

test('a second turn has the first one before it, each side its own; tokens on demand show what was read', async () => {
  const first = await answered(1);
  await system('Be brief.');
  // By keys alone.
  await (await prompt()).fill('Another one?');
  await (await prompt()).press('Control+Enter');
  await answered(2);
  for (const side of ['left', 'right'] as const) {
    const { rendered, prompt: ids, special } = await tokens(side);
    const order = ['<|begin|>', 'Be brief.', 'Name a prime.', first[side].trim(), 'Another one?', '<|assistant|>'];
    let at = -1;
    for (const part of order) {
      const next = rendered.indexOf(part, at + 1);
      assert.ok(next > at, `${part} after the one before in ${rendered}`);
      at = next;
    }
    assert.equal(ids[0], '0');
    assert.deepEqual([...new Set(special)].sort(), ['<|assistant|>', '<|begin|>', '<|end|>', '<|system|>', '<|user|>']);
  }
  await workbench.screenshot('try-tokens');
});

test('answers are seen while they are written, and Escape stops them', async () => {
  await (await button('New Chat')).click();
  await choose('left', 'Model folder…');
  await workbench.pick('endless');
  await chosen('left', 'endless');
  await choose('right', 'endless');
  await chosen('right', 'endless');
  await set('maxTokens', '60000');
  await set('temperature', '1');
  await (await prompt()).fill('Go on.');
  await (await prompt()).press('Control+Enter');
  for (const side of ['left', 'right'] as const) {
    const early = await until('some of it is there', async () => {
      const { text, state } = await answer(side);
      return state === 'writing' && text.length > 20 && text;
    });
    await until('more of it comes', async () => {
      const { text, state } = await answer(side);
      return state === 'writing' && text.length > early.length && text.startsWith(early.slice(0, 20));
    });
  }
  await (await prompt()).press('Escape');
  await answered(1);
  for (const side of ['left', 'right'] as const) {
    const { state, facts, text } = await answer(side);
    assert.equal(state, 'stopped');
    assert.match(facts, /^[\d,]+ tokens, stopped/);
    assert.ok(text.length > 20);
  }
  // The models are still there: what comes next is answered as usual.
  await set('maxTokens', '8');
  await say('And then?');
  await answered(2);
  assert.match((await answer('left')).facts, /^8 tokens, cut off at the limit/);
});

test('chats are kept, also over a reload, with what was typed', async () => {
  await (await prompt()).fill('Not sent yet');
  await workbench.kept('Not sent yet');
  await workbench.reload();
  // A page that is brought back can be made twice.
  await until('the chat is back', async () => (await (await page()).locator('.turn').count()) === 2);
  assert.equal(await (await prompt()).inputValue(), 'Not sent yet');
  assert.match(await (await page()).locator('.settings-box summary').innerText(), /at most 8 tokens, temperature 1/);
  const frame = await page();
  const chats = frame.locator('vscode-dropdown[aria-label="Chat"]');
  await chats.click();
  await chats.locator('vscode-option', { hasText: 'Name a prime.' }).click();
  await until('the first chat is shown', async () => /Name a prime/.test(await (await page()).locator('.turn').first().innerText()));
  assert.equal(await frame.locator('.prompt.system').inputValue(), 'Be brief.');
});

test('any checkpoint answers: the same prompt again', async () => {
  await (await button('New Chat')).click();
  await choose('left', 'Checkpoint 4');
  await chosen('left', 'Checkpoint 4');
  await choose('right', 'Trained model');
  await chosen('right', 'Trained model');
  await system('');
  await set('maxTokens', '24');
  await set('temperature', '0');
  await say('Name a prime.');
  const shown = await answered(1);
  assert.equal((await answer('left')).model, 'Checkpoint 4');
  const exported = join(folder, 'exports/step-000004');
  await access(exported);
  assert.equal(plain(shown.left), plain((await sampled(exported, 'Name a prime.')).policy));
  await choose('left', 'Reference: tiny-llama');
  await chosen('left', 'Reference: tiny-llama');
  await (await button('Answer Again')).click();
  await until('the reference has answered', async () => {
    const { model, state } = await answer('left');
    return model === 'Reference: tiny-llama' && (state === 'done' || state === 'cut');
  });
  assert.equal(plain((await answer('left')).text), plain((await sampled(folder, 'Name a prime.')).reference!));
});

test('a prompt of the evaluation set by one click, with its responses', async () => {
  await (await page()).locator('vscode-button[aria-label="Next prompt of the evaluation set"]').click();
  const text = await until('it is put in', async () => (await (await prompt()).inputValue()) || undefined);
  interface Row {
    readonly prompt: readonly { readonly role: string; readonly content: string }[];
    readonly chosen: readonly { readonly content: string }[];
  }
  const lines = (await readFile(join(session.workspace, 'preferences.jsonl'), 'utf8')).trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as Row);
  const row = rows.findIndex((each) => each.prompt.at(-1)?.content === text);
  assert.ok(row >= 0, text);
  const frame = await page();
  const wanted = rows[row]!.prompt.find(({ role }) => role === 'system')?.content ?? '';
  assert.equal(await frame.locator('.prompt.system').inputValue(), wanted);
  const summary = frame.locator('.composer .example > summary');
  assert.match(await summary.innerText(), /preferences\.jsonl:\d+/);
  await summary.click();
  const shown = await frame.locator('.composer [aria-label="Chosen response"]').innerText();
  assert.ok(rows.some(({ prompt, chosen }) => prompt.at(-1)?.content === text && plain(chosen[0]!.content) === plain(shown)));
  await workbench.screenshot('try-evaluation');
  const before = await frame.locator('.turn').count();
  assert.equal(before, rows[row]!.prompt.filter(({ role }) => role === 'assistant').length, 'what was said before, and no more');
  await (await button('Send')).click();
  await answered(before + 1);
  await (await last()).locator('.example > summary').click();
  assert.equal(plain(await (await last()).locator('[aria-label="Chosen response"]').innerText()), plain(shown));
  // Another one is another.
  await (await page()).locator('vscode-button[aria-label="Choose a prompt of the evaluation set"]').click();
  await workbench.page.locator('.quick-input-list .monaco-list-row').nth(1).click();
  await until('another is put in', async () => ![text, ''].includes(await (await prompt()).inputValue()));
});

test("what cannot be is said: a template's refusal, a prompt that leaves no room, a wrong value", async () => {
  await (await button('New Chat')).click();
  await choose('left', 'Model folder…');
  await workbench.pick('strict');
  await chosen('left', 'strict');
  await system('Be <b>brief</b>.');
  await set('maxTokens', '8');
  await say('Hello <img src=x>');
  await answered(1);
  const problem = await (await last()).locator('.answer.left .answer-problem').innerText();
  assert.match(problem, /the chat template refuses the messages: No system role, please/i);
  assert.equal((await answer('right')).state === 'failed', false);
  assert.match(await (await last()).innerText(), /Hello <img src=x>/);
  assert.equal(await (await page()).locator('.log img').count(), 0);
  // That side goes on with what it can answer.
  await system('');
  await say('Again?');
  await answered(2);
  assert.notEqual((await answer('left')).state, 'failed');
  await set('maxTokens', '100000');
  await say('Too long');
  await answered(3);
  assert.match(await (await last()).innerText(), /more than the model's/);
  await set('maxTokens', '0');
  await until('a wrong value is said', async () =>
    /whole number from 1/.test(await (await page()).locator('[data-field="maxTokens"] .field-text').innerText()),
  );
  await set('maxTokens', '24');
});

test('a prompt is removed, one is used again, a chat is deleted; the second model can go', async () => {
  const frame = await page();
  await (await last()).locator('vscode-button', { hasText: 'Remove' }).click();
  await until('it is gone', async () => (await frame.locator('.turn').count()) === 2);
  await frame.locator('.turn').first().locator('vscode-button', { hasText: 'Use Again' }).click();
  assert.equal(await (await prompt()).inputValue(), 'Hello <img src=x>');
  await (await button('Delete Chat')).click();
  await until('another chat is shown', async () => !/Hello <img/.test(await (await page()).locator('.log').innerText()));
  await (await button('New Chat')).click();
  await choose('left', 'Trained model');
  await chosen('left', 'Trained model');
  await choose('right', 'No second model');
  await chosen('right', 'No second model');
  await system('');
  await say('Alone?');
  await until('one has answered', async () => (await (await last()).getAttribute('data-state')) === 'over');
  assert.equal(await (await last()).locator('.answer.right').isVisible(), false);
  await choose('right', 'Reference: tiny-llama');
  await chosen('right', 'Reference: tiny-llama');
  await say('And both?');
  await answered(2);
});

test('the panel in every theme, with keys alone, for screen readers, and confined', async () => {
  await tokens('left');
  await assertReachedWithTab(workbench, await page(), [
    'Chat',
    'New Chat',
    'Model on the left',
    'Model on the right',
    'Conversation',
    'Tokens of',
    'Copy the answer',
    'Copy All',
    'Remove',
    'Prompt',
    'Next prompt of the evaluation set',
    'Temperature',
  ]);
  await inEveryTheme(session, 'try', page);
  await assertConfined(await page(), 'try it');
});

test('it is found from the tree and the palette', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Try It…');
  await workbench.pick('taught');
  await page();
});

test('a run of an adapter and its reference answer from one process, which has the weights once', async () => {
  const runs = join(session.workspace, '.wishbone/runs');
  const model = join(session.workspace, 'tiny-llama');
  const train = ['train', join(session.workspace, 'preferences.jsonl'), '--model', model, '--preset', 'quick', '--max-steps', '6'];
  const options = ['--name', 'adapted', '--use-peft', '--lora-r', '4', '--learning-rate', '1e-2', '--runs', runs, '--json'];
  const { stdout } = await run(process.execPath, [cli, ...train, ...options]);
  const adapted = (JSON.parse(stdout) as { folder: string }).folder;
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Try It…');
  await workbench.pick('adapted');
  await set('maxTokens', '24');
  await say('Name a prime.');
  const shown = await answered(1);
  const { policy, reference } = await sampled(adapted, 'Name a prime.');
  assert.deepEqual([plain(shown.left), plain(shown.right)], [plain(policy), plain(reference!)]);
  assert.notEqual(shown.left, shown.right);
  const chats = (await chatRunners()).filter(({ words }) => words.includes(model));
  assert.deepEqual(
    chats.map(({ words }) => words.includes(join(adapted, 'export'))),
    [true],
  );
});
