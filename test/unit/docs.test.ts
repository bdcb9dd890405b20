import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

// Pages lead to pages, headings and files that there are, and so do comments that name a heading of a page.

const repository = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(repository, file), 'utf8');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/README.md', 'scripts/gpu/README.md'],
  ...readdirSync(path.join(repository, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const text = read(page).replace(/^```.*?^```/gms, '');
  const headings = [...text.matchAll(/^#+ +(.*)$/gm)].map(([, heading]) => heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

const anchors = new Map(pages.map((page) => [page, anchorsOf(page)]));

test('every link of a page leads to a file, and to a heading where it names one', () => {
  let links = 0;
  for (const page of pages) {
    for (const [, link] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [file, anchor] = link!.split('#') as [string, string?];
      const target = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
      assert.ok(existsSync(path.join(repository, target)), `${page}: ${link}`);
      if (anchor !== undefined) assert.ok(anchors.get(target)?.has(anchor), `${page}: ${link}`);
      links++;
    }
  }
  assert.ok(links > 100);
});

test('every file and folder of the repository that a page names is there', () => {
  let named = 0;
  for (const page of pages) {
    const paths = read(page).matchAll(/(?:^|[\s`(])((?:src|webview|test|scripts|docs|native-runner|media|examples)\/[\w./-]*\w)/gm);
    for (const [, file] of paths) {
      if (file!.includes('NAME')) continue;
      assert.ok(existsSync(path.join(repository, file!)), `${page}: ${file}`);
      named++;
    }
  }
  assert.ok(named > 100);
});

test('every page and heading that a source file names is there', () => {
  let named = 0;
  for (const folder of ['src', 'webview', 'scripts', 'native-runner/src', 'native-runner/test', 'native-runner/cmake']) {
    for (const entry of readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:ts|mjs|py|cpp|h|cu|cuh|cmake)$/.test(entry)) continue;
      const file = path.join(folder, entry);
      for (const [, name, anchor] of read(file).matchAll(/(?<![\w/])(docs\/[\w-]+\.md)(?:#([\w-]+))?/g)) {
        assert.ok(anchors.has(name!), `${file}: ${name}`);
        if (anchor !== undefined) assert.ok(anchors.get(name!)!.has(anchor), `${file}: ${name}#${anchor}`);
        named++;
      }
    }
  }
  assert.ok(named > 20);
});
