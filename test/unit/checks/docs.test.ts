import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CHECK_SEVERITIES } from '../../../src/core/checks/index.js';

test('every check has its section in docs/diagnostics.md, with its severity, and no other has', async () => {
  const text = await readFile(new URL('../../../docs/diagnostics.md', import.meta.url), 'utf8');
  const headings = text.matchAll(/^## (\S+)\n\n(\w+)/gm);
  const sections = [...headings].map(([, check, severity]) => [check, severity?.toLowerCase()]);
  const names = Object.entries(CHECK_SEVERITIES).map(([check, severity]) => [check, severity === 'information' ? 'note' : severity]);
  assert.deepEqual(sections, names);
});
