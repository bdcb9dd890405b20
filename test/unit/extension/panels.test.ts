import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

const repository = path.resolve(import.meta.dirname, '../../..');

/** The sources below a folder by their path from the repository's root. */
async function sources(folder: string): Promise<[file: string, text: string][]> {
  const names = await readdir(path.join(repository, folder), { recursive: true });
  return Promise.all(
    names
      .filter((name) => name.endsWith('.ts'))
      .map(async (name) => [path.join(folder, name), await readFile(path.join(repository, folder, name), 'utf8')]),
  );
}

test('every panel gets its page, its rights and its checks from the same places', async () => {
  const extension = await sources('src/extension');
  const having = (what: RegExp): string[] => extension.flatMap(([file, text]) => (what.test(text) ? [file] : []));
  assert.deepEqual(having(/\.html\s*=[^=]/), ['src/extension/panels/page.ts'], 'who writes a page');
  assert.deepEqual(having(/enableScripts|localResourceRoots/), ['src/extension/panels/page.ts'], 'who says what it may do');
  for (const [file, text] of extension) {
    if (!/createWebviewPanel\(|webview\.options\s*=/.test(text)) continue;
    assert.match(text, /\bpageOptions\(/, `${file}: panels with rights of their own`);
  }
  const receiving = extension.filter(([, text]) => text.includes('onDidReceiveMessage('));
  assert.ok(receiving.length > 0);
  for (const [file, text] of receiving) assert.match(text, /onDidReceiveMessage\(\(\w+: unknown\)/, `${file}: trusts a page`);
});

test('every page checks what it is told, and writes no markup', async () => {
  const pages = await sources('webview');
  const mains = pages.filter(([file]) => /^webview\/[^/]+\/main\.ts$/.test(file));
  assert.ok(mains.length > 0);
  for (const [file, text] of mains) assert.match(text, /\bread\w*HostMessage\b/, `${file}: trusts the host`);
  for (const [file, text] of pages) {
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, file);
  }
});
