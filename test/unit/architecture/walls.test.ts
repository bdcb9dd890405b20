// The sources import only what the table "Where things are" of docs/architecture.md lets them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Import, projectFiles, projectImports, repository } from './imports.js';

interface Row {
  /** A folder or file, as the table has it. */
  readonly place: string;
  readonly may: ReadonlySet<string>;
  readonly mayForTypes: ReadonlySet<string>;
}

/** What the names in the table's last column stand for. */
const MEANT: Readonly<Record<string, string>> = {
  core: 'src/core/',
  'core/mask': 'src/core/mask/',
  'core/run': 'src/core/run/',
  'core/run-table': 'src/core/run-table/',
  protocol: 'src/protocol/',
  format: 'src/format.ts',
  metrics: 'src/metrics.ts',
  vscode: 'vscode',
};

function table(): Row[] {
  const text = readFileSync(path.join(repository, 'docs/architecture.md'), 'utf8');
  const section = text.split('## Where things are')[1]!.split('\n## ')[0]!;
  const rows: Row[] = [];
  for (const [, place, last] of section.matchAll(/^\| `((?:src|webview)[^`]*)` \|.*\| ([^|]+) \|$/gm)) {
    if (last === 'the same') {
      rows.push({ ...rows.at(-1)!, place: place! });
      continue;
    }
    const may = new Set<string>();
    const mayForTypes = new Set<string>();
    for (const [, types, name] of last!.matchAll(/(types of )?`([^`]+)`/g)) {
      const meant = MEANT[name!];
      assert.ok(meant !== undefined, `${place}: "${name}" is no name of a place`);
      (types === undefined ? may : mayForTypes).add(meant);
    }
    rows.push({ place: place!, may, mayForTypes });
  }
  return rows;
}

test('every import is one that the table allows', () => {
  const rows = table();
  assert.ok(rows.length > 20);
  const imports = new Map<string, Import[]>();
  for (const each of projectImports()) imports.set(each.from, [...(imports.get(each.from) ?? []), each]);
  const wrong: string[] = [];
  for (const file of projectFiles()) {
    // The most particular row counts. extension.ts is the extension's, beside its folder.
    const own = file === 'src/extension.ts' ? 'src/extension/' : file;
    const row = rows
      .filter(({ place }) => own === place || own.startsWith(`${place.replace(/\/$/, '')}/`))
      .sort((a, b) => b.place.length - a.place.length)[0];
    assert.ok(row !== undefined, `${file}: the table does not have it`);
    const layer = row.place.startsWith('src/extension') ? 'src/extension/' : `${row.place}/`;
    for (const { to: target, typeOnly: typesOnly } of imports.get(file) ?? []) {
      const isPackage = !/^(src|webview)\//.test(target);
      if (isPackage && target !== 'vscode') continue;
      if (target.startsWith(layer) || target.endsWith('package.json') || target.endsWith('.css')) continue;
      const fits = (place: string): boolean => target === place || target.startsWith(place);
      if ([...row.may].some(fits) || (typesOnly && [...row.mayForTypes].some(fits))) continue;
      wrong.push(`${file} imports ${target}${typesOnly ? ' (types)' : ''}`);
    }
  }
  assert.deepEqual(wrong, []);
});
