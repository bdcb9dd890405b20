import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { COMMANDS } from '../../../src/extension/commands.js';

const repository = path.resolve(import.meta.dirname, '../../..');

interface Manifest {
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when?: string }[]>>;
    readonly keybindings?: readonly { readonly command: string }[];
    readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
    readonly customEditors: readonly { readonly viewType: string }[];
  };
}

async function manifest(): Promise<[Manifest, text: string]> {
  const text = await readFile(path.join(repository, 'package.json'), 'utf8');
  return [JSON.parse(text) as Manifest, text];
}

async function sources(folder: string): Promise<string[]> {
  const names = (await readdir(path.join(repository, folder), { recursive: true })).filter((name) => name.endsWith('.ts'));
  return Promise.all(names.map((name) => readFile(path.join(repository, folder, name), 'utf8')));
}

test('package.json offers the commands of the table, by the same titles', async () => {
  const [{ contributes }] = await manifest();
  const offered = contributes.commands.map(({ command, title }) => [command, title]);
  const table = Object.entries(COMMANDS).filter(([, title]) => title !== null);
  assert.deepEqual(Object.fromEntries(offered), Object.fromEntries(table));
  assert.equal(new Set(offered.map(([command]) => command)).size, offered.length, 'a command stands there twice');
  for (const { command, category } of contributes.commands) assert.equal(category, 'Wishbone', command);
});

test('menus, keys, links and welcome texts lead to commands that there are', async () => {
  const [{ contributes }, text] = await manifest();
  const views = Object.values(contributes.views).flat();
  const known = new Set<string>([...Object.keys(COMMANDS), ...views.map(({ id }) => `${id}.focus`)]);
  const named = [...Object.values(contributes.menus).flat(), ...(contributes.keybindings ?? [])].map(({ command }) => command);
  const linked = [...text.matchAll(/\(command:(wishbone\.[\w.]+)/g)].map(([, command]) => command!);
  assert.ok(named.length > 0 && linked.length > 0);
  for (const command of [...named, ...linked]) assert.ok(known.has(command), `${command}: there is no such command`);
});

/** `command(`: the two commands of plans are registered alike, by a function of their own, as are commands of a view's entries. */
const REGISTERED = /([\w.]*\bcommand|\bof(?:Entry|Entries)|\bentryCommand)\(\s*(?:problems,\s*)?'(wishbone\.\w+)'/g;

test('every command in the menus of runs is told when it has lost its entry', async () => {
  const menus = (await manifest())[0].contributes.menus['view/item/context']!;
  const ofRuns = new Set(menus.filter(({ when }) => when?.includes('wishbone.runs')).map(({ command }) => command));
  assert.ok(ofRuns.size > 20);
  const by = new Map<string, string>();
  for (const text of await sources('src/extension')) for (const [, how, command] of text.matchAll(REGISTERED)) by.set(command!, how!);
  for (const command of ofRuns) assert.ok(by.has(command) && by.get(command) !== 'problems.command', command);
});

test('every command of the table is registered, and once', async () => {
  const registered: string[] = [];
  for (const text of [...(await sources('src/extension')), await readFile(path.join(repository, 'src/extension.ts'), 'utf8')]) {
    registered.push(...[...text.matchAll(REGISTERED)].map(([, , command]) => command!));
    assert.doesNotMatch(text, /registerCommand\(\s*['"`]/, 'commands are registered by Problems.command');
    assert.doesNotMatch(text, /executeCommand\(\s*['"`]wishbone\.(?!\w+\.focus)/, 'our own commands are run by runCommand');
  }
  assert.deepEqual(registered.sort(), Object.keys(COMMANDS).sort());
});

test('every panel has its page, its protocol and its host by one name, and comes back after a reload', async () => {
  const [{ activationEvents, contributes }] = await manifest();
  const pages = (await readdir(path.join(repository, 'webview'), { recursive: true })).filter((name) => /^[^/]+\/main\.ts$/.test(name));
  const names = pages.map((page) => path.dirname(page)).sort();
  const kinds = new Map<string, string>();
  for (const name of names) {
    const host = await readFile(path.join(repository, 'src/extension/panels', name, `${name}-panel.ts`), 'utf8');
    kinds.set(name, /PanelKind<[^>]*> = \{\s*name: '(\w+)'/.exec(host)?.[1] ?? '');
    const protocol = await readFile(path.join(repository, 'src/protocol', `${name}.ts`), 'utf8');
    const Name = name[0]!.toUpperCase() + name.slice(1);
    for (const read of [`read${Name}PageMessage`, `read${Name}HostMessage`])
      assert.match(protocol, new RegExp(`export function ${read}\\b`));
    // VS Code brings custom editors back by itself.
    const isEditor = contributes.customEditors.some(({ viewType }) => viewType === `wishbone.${name}`);
    assert.ok(isEditor || activationEvents.includes(`onWebviewPanel:wishbone.${name}`), name);
  }
  assert.ok(names.length > 0);
  assert.deepEqual(
    [...kinds],
    names.map((name) => [name, name]),
  );
});
