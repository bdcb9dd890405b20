import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

// What package.json contributes: a command that is twice in a menu is shown twice there.

interface MenuItem {
  readonly command: string;
  readonly when?: string;
  readonly group?: string;
}

const { contributes } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category: string }[];
    readonly menus: Readonly<Record<string, readonly MenuItem[]>>;
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
  };
};

test('no two commands have the same name in the palette', () => {
  const names = contributes.commands.map(({ category, title }) => `${category}: ${title}`);
  assert.deepEqual(names, [...new Set(names)]);
  assert.deepEqual(
    contributes.commands.filter(({ category }) => category !== 'Wishbone'),
    [],
  );
});

test('a menu has an item once, and only commands that exist', () => {
  const known = new Set(contributes.commands.map(({ command }) => command));
  for (const [menu, items] of Object.entries(contributes.menus)) {
    const unknown = items.filter(({ command }) => !known.has(command));
    assert.deepEqual(unknown, [], menu);
    // The palette has no groups: there every entry of a command is a line of its own.
    const keys = items.map(({ command, when, group }) => (menu === 'commandPalette' ? command : `${command} | ${when} | ${group}`));
    assert.deepEqual(keys, [...new Set(keys)], menu);
  }
});

test('every setting and every command is described on the page of the package, or on the page of what it belongs to', () => {
  const page = (file: string): string => readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
  const settings = Object.keys(contributes.configuration.properties).sort();
  const described = [...page('extension.md').matchAll(/`(wishbone\.[\w.]+)`/g)].map(([, name]) => name!);
  assert.deepEqual([...new Set(described)].sort(), settings);
  const pages = ['extension.md', 'run-config.md', 'diagnostics.md', 'trackers.md', 'judge.md'].map(page).join('\n');
  const missing = contributes.commands.map(({ title }) => title.replace('…', '')).filter((title) => !pages.includes(title));
  assert.deepEqual(missing, []);
});
