import assert from 'node:assert/strict';
import { test } from 'node:test';
import { circles, projectImports } from './imports.js';

/**
 * Circles of types alone, by the files that are in them: what makes a view and the view know each other's types, and nothing
 * is loaded in a circle. No other may be added; one that is gone may be removed here.
 */
const TYPE_ONLY: readonly (readonly string[])[] = [
  [
    'src/extension/diagnostics/code-lens.ts',
    'src/extension/diagnostics/dataset-diagnostics.ts',
    'src/extension/diagnostics/quick-fixes.ts',
    'src/extension/diagnostics/row-hints.ts',
    'src/extension/diagnostics/row-hovers.ts',
    'src/extension/diagnostics/row-marks.ts',
    'src/extension/diagnostics/status-bar.ts',
  ],
  ['src/extension/panels/run/run-panel.ts', 'src/extension/panels/run/run-panels.ts'],
  ['webview/run/board.ts', 'webview/run/gestures.ts'],
];

test('no file is loaded in a circle', () => {
  const values = projectImports().filter(({ typeOnly }) => !typeOnly);
  assert.ok(values.length > 1000, 'imports are found');
  assert.deepEqual(circles(values), []);
});

test('files that know each other by type alone are few, and named', () => {
  for (const circle of circles(projectImports())) {
    assert.ok(
      TYPE_ONLY.some((known) => circle.every((file) => known.includes(file))),
      circle.join(', '),
    );
  }
});

test('a circle is found, of whatever length, and what is none is not', () => {
  const imports = (...pairs: string[]) => pairs.map((pair) => ({ from: pair[0]!, to: pair[1]!, typeOnly: false }));
  assert.deepEqual(circles(imports('ab', 'bc', 'cd', 'ac')), []);
  assert.deepEqual(circles(imports('ab', 'bc', 'ca', 'cd', 'ef', 'fe', 'gg')), [['a', 'b', 'c'], ['e', 'f'], ['g']]);
});
