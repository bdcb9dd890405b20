import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { withoutLinks } from '../../../src/core/text/without-links.js';

/** As VS Code's `parseLinkedText` finds links in notifications. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;

test('no text becomes a link, and what is seen of it stays', () => {
  for (const text of [
    '[x](command:a.b)',
    '[x](https://a.b "c")',
    'a [b](file:///c) [d](command:e)',
    '[[x]](command:a)',
    '[x]](command:a)',
  ]) {
    assert.match(text, LINK.test(text) ? LINK : /./);
    assert.doesNotMatch(withoutLinks(text), LINK);
    assert.equal(withoutLinks(text).replaceAll('\u2060', ''), text);
  }
  assert.equal(withoutLinks('plain [a] (b), run_1.jsonl'), 'plain [a] (b), run_1.jsonl');
  assert.equal(withoutLinks('\x1b[31m\u202ea'), '\\u001b[31m\\u202ea');
});

test('every message of the extension goes through the one place that does so', async () => {
  const folder = path.join(import.meta.dirname, '../../../src/extension');
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts') && name !== 'messages.ts');
  assert.ok(files.length > 50);
  for (const name of files) {
    const text = await readFile(path.join(folder, name), 'utf8');
    assert.doesNotMatch(text, /window\.(show(Information|Warning|Error)Message|withProgress)/, name);
  }
});
