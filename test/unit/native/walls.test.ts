// The native folders include only what the table "Inside the runner" of docs/architecture.md lets them, and those side by side never each other.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const sources = join(root, 'native-runner/src');

/** A file and what it includes, both relative to the sources. */
interface Include {
  readonly from: string;
  readonly to: string;
}

function includes(): Include[] {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(cpp|h|cu|cuh)$/.test(name));
  return files.flatMap((from) =>
    [...readFileSync(join(sources, from), 'utf8').matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map(([, to = '']) => ({ from, to })),
  );
}

/** The folders of the table, with those each may import; a folder within another has what that one has. */
function allowed(): Map<string, Set<string>> {
  const section = readFileSync(join(root, 'docs/architecture.md'), 'utf8').split('## Inside the runner')[1] ?? '';
  const text = section.slice(section.indexOf('| may import |')).split('\n\n')[0] ?? '';
  const rows = [...text.matchAll(/^\| `([a-z_/]+)` \|[^|]*\|([^|]*)\|$/gm)];
  const table = new Map<string, Set<string>>();
  for (const [, folder = '', imports = ''] of rows) {
    if (folder.includes('/')) continue;
    const names = imports.trim() === 'all of these' ? [...table.keys()] : [...imports.matchAll(/`([a-z]+)`/g)].map(([, name = '']) => name);
    assert.ok(names.length > 0 || imports.trim() === 'nothing', `${folder}: the table says what it may import`);
    table.set(folder, new Set(names));
  }
  return table;
}

const top = (file: string): string => file.split('/')[0] ?? '';

test('every native folder is in the table and includes only what the table lets it', () => {
  const table = allowed();
  const folders = readdirSync(sources, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual([...table.keys()].sort(), folders.map((entry) => entry.name).sort());
  const wrong = includes()
    .filter(({ from, to }) => from.includes('/') && top(from) !== top(to) && !table.get(top(from))?.has(top(to)))
    .map(({ from, to }) => `${from} includes ${to}`);
  assert.deepEqual(wrong, []);
});

test('what a native file includes is named from the root of the sources and is there', () => {
  const files = new Set(readdirSync(sources, { recursive: true, encoding: 'utf8' }));
  assert.deepEqual(
    includes().filter(({ to }) => !files.has(to)),
    [],
  );
});

/** What uses what among the folders that lie side by side in `parent`, with an include that shows it. */
function uses(parent: string): Map<string, Map<string, string>> {
  const within = (file: string): string | undefined => {
    const parts = relative(parent, file).split('/');
    return parts.length > 1 && parts[0] !== '..' ? parts[0] : undefined;
  };
  const graph = new Map<string, Map<string, string>>();
  for (const { from, to } of includes()) {
    const [user, used] = [within(from), within(to)];
    if (user === undefined || used === undefined || user === used) continue;
    graph.set(user, (graph.get(user) ?? new Map<string, string>()).set(used, `${from} includes ${to}`));
  }
  return graph;
}

test('no native folders side by side include each other, directly or by way of others', () => {
  const folders = readdirSync(sources, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const parent of ['', ...folders.map((entry) => relative(sources, join(entry.parentPath, entry.name)))]) {
    const graph = uses(parent);
    const done = new Set<string>();
    const visit = (folder: string, path: readonly string[]): void => {
      if (path.includes(folder)) {
        const circle = [...path.slice(path.indexOf(folder)), folder];
        assert.fail(
          circle
            .slice(1)
            .map((to, i) => graph.get(circle[i] ?? '')?.get(to))
            .join(', '),
        );
      }
      if (done.has(folder)) return;
      for (const used of graph.get(folder)?.keys() ?? []) visit(used, [...path, folder]);
      done.add(folder);
    };
    for (const folder of graph.keys()) visit(folder, []);
  }
});
