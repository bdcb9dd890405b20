import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMarkdown } from '../../../src/extension/markdown.js';
import { isMarkdown, type MarkNode } from '../../../src/protocol/markdown.js';

/** The same in short: `p(text em(text))`. */
const short = (nodes: readonly MarkNode[]): string =>
  nodes
    .map((node) => {
      if (typeof node === 'string') return node;
      const { tag, inside, href, done, start } = node;
      const more = [href, done, start].filter((each) => each !== undefined).join();
      return `${tag}${more === '' ? '' : `[${more}]`}(${short(inside)})`;
    })
    .join('');
const read = async (text: string): Promise<string> => {
  const nodes = await readMarkdown(text);
  assert.ok(isMarkdown(nodes), text);
  return short(nodes);
};

test('notes as they read: CommonMark, and what GitHub adds', async () => {
  assert.equal(await read('  \n'), '');
  assert.equal(await read('# Why\n\n*a* **b** ~~c~~ `d`'), 'h3(Why)p(em(a) strong(b) del(c) code(d))');
  assert.equal(await read('- [x] done\n- [ ] not\n'), 'ul(li[true](p(done))li[false](p(not)))');
  assert.equal(await read('3. c\n4. d'), 'ol[3](li(p(c))li(p(d)))');
  assert.equal(await read('| a | b |\n|---|---|\n| 1 | *2* |'), 'table(tr(th(a)th(b))tr(td(1)td(em(2))))');
  assert.equal(await read('```js\nlet x\n```\n\n> q\n\n---\n'), 'pre(let x)blockquote(p(q))hr()');
  assert.equal(await read('[a][1] [b](https://b.org)\n\n[1]: mailto:x@y.z'), 'p(a[mailto:x@y.z](a) a[https://b.org](b))');
  assert.equal(await read('see[^1]\n\n[^1]: there'), 'p(see[1])p([1] )p(there)');
});

test('nothing of notes is markup, and links lead to the web or nowhere', async () => {
  assert.equal(await read('<img src=x onerror=alert(1)> <b>x</b>'), 'p(<img src=x onerror=alert(1)> <b>x</b>)');
  assert.equal(await read('<script>alert(1)</script>'), '<script>alert(1)</script>');
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'file:///etc/passwd', 'command:x', 'data:text/html,x', '../x'])
    assert.equal(await read(`[a](${bad})`), 'p(a(a))', bad);
  assert.equal(await read('![words](https://tracker.example/x.png)'), 'p(words)');
  assert.ok((await read(`${'> '.repeat(500)}deep`)).length < 2000);
});

test('a page takes elements of the known kinds alone', () => {
  assert.ok(isMarkdown([{ tag: 'p', inside: ['a', { tag: 'a', inside: [], href: 'https://x.org' }] }]));
  assert.ok(!isMarkdown([{ tag: 'script', inside: [] }]));
  assert.ok(!isMarkdown([{ tag: 'a', inside: [], href: 'javascript:x' }]));
  assert.ok(!isMarkdown([{ tag: 'p', inside: [1] }]));
  assert.ok(!isMarkdown('text'));
});
