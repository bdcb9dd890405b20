import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { PreferenceChecker } from '../../../src/core/checks/checker.js';
import { CHECK_SEVERITIES } from '../../../src/core/checks/types.js';
import { jsonLines, readOutcomes } from '../dataset/support.js';
import { reportOf, tell, textAt, told } from './support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };
const swapped = { prompt: 'p', chosen: 'r', rejected: 'c' };

test('a duplicate names the row that was first, however it is written', async () => {
  const text = `\n${jsonLines(good)}{"rejected": "\\u0072", "prompt":"p","chosen":"c"}\n${jsonLines(good)}`;
  const { problems } = await reportOf(text);
  assert.deepEqual(
    problems.map(({ check, what }) => [check, what]),
    [
      ['duplicate', 'the same pair as line 2'],
      ['duplicate', 'the same pair as line 2'],
    ],
  );
  assert.equal(textAt(text, problems[1]!.earlier!), JSON.stringify(good));
  assert.equal(textAt(text, problems[1]!.range), '"prompt"', 'the first name of the row, not all of it');
});

test('a contradiction names the row it contradicts', async () => {
  const text = jsonLines(good, { ...swapped, prompt: 'q' }, swapped);
  const { problems } = await reportOf(text);
  assert.deepEqual(
    problems.map((problem) => tell(text, problem)),
    ['contradiction 3: "r"'],
  );
  assert.match(problems[0]!.what, /^line 1 prefers/);
  assert.equal(problems[0]!.earlier!.start.line, 0);
});

test('texts that hold their prompt contradict each other too', async () => {
  const text = jsonLines({ chosen: 'Q: A', rejected: 'Q: B' }, { chosen: 'Q: B', rejected: 'Q: A' });
  assert.deepEqual(await told(text), ['contradiction 2: "Q: B"']);
});

test('equal responses are no contradiction of themselves', async () => {
  const row = { ...good, rejected: 'c' };
  assert.deepEqual(
    (await reportOf(jsonLines(row, row))).problems.map(({ check }) => check),
    ['equal-responses', 'duplicate', 'equal-responses'],
  );
});

function manyRows(count: number, chosen: (i: number) => string, rejected: (i: number) => string): string {
  const row = (i: number) => ({ prompt: `p${i}`, chosen: chosen(i), rejected: rejected(i) });
  return jsonLines(...Array.from({ length: count }, (_, i) => row(i)));
}

test('strong length bias is told on the first line', async () => {
  const text = manyRows(
    40,
    (i) => 'c'.repeat(20 + i),
    (i) => 'r'.repeat(i % 10 === 0 ? 80 : 1 + (i % 5)),
  );
  const { problems } = await reportOf(text);
  assert.equal(problems.length, 1);
  const [{ check, what, range, row }] = problems as [(typeof problems)[0]];
  assert.equal(check, 'length-bias');
  assert.match(what, /the chosen response is the longer one in 90% of the pairs \(Cohen's d 1\.\d\d\)/);
  assert.equal(textAt(text, range), '"prompt"');
  assert.equal(range.start.line, 0);
  assert.equal(row, undefined);
});

test("Cohen's d is the difference of means over the pooled deviation", async () => {
  // Chosen 3 or 5, rejected 1 or 3, half each: means differ by 2, both variances are 32/31.
  const text = manyRows(
    32,
    (i) => 'c'.repeat(i % 2 ? 3 : 5),
    (i) => 'r'.repeat(i % 2 ? 3 : 1),
  );
  const effect = (2 / Math.sqrt(32 / 31)).toFixed(2);
  assert.match((await reportOf(text)).problems[0]!.what, new RegExp(`100%.*d ${effect}\\)`));
});

test('few pairs and balanced pairs have no length bias to tell of', async () => {
  assert.deepEqual(
    await told(
      manyRows(
        29,
        () => 'ccc',
        () => 'r',
      ),
    ),
    [],
  );
  assert.deepEqual(
    await told(
      manyRows(
        60,
        (i) => 'c'.repeat(1 + (i % 7)),
        (i) => 'r'.repeat(1 + ((i + 3) % 7)),
      ),
    ),
    [],
  );
  assert.deepEqual(
    await told(
      manyRows(
        60,
        () => 'c',
        () => 'r',
      ),
    ),
    [],
  );
});

test('rows of a list are marked in lines and characters of the file', async () => {
  const text = JSON.stringify([good, { ...good, rejected: '' }, good], null, 2).replaceAll('\n', '\r\n');
  const { problems, rows } = await reportOf(text, 'pairs.json');
  assert.deepEqual(
    problems.map(({ check, range }) => [check, range.start]),
    [
      ['empty-response', { line: 9, character: 16 }],
      ['duplicate', { line: 12, character: 4 }],
    ],
  );
  assert.equal(rows.length, 3);
});

test('a list is read up to its first fault', async () => {
  const one = JSON.stringify(good);
  for (const [text, expected] of [
    [`[${one} ${one}]`, 'malformed-row 1: {'],
    [`[${one},]`, 'malformed-row 1: ]'],
    [`[${one}`, 'malformed-row 1: }'],
    [`[${one}] x`, 'malformed-row 1: x'],
    [`[${one},\n{"chosen": nul},\n{"prompt": 1}]`, 'malformed-row 2: n'],
    [`[${one},\n{"chosen": "a},\n{"prompt": "x"}]`, 'malformed-row 2: ,'],
    ['[', 'malformed-row 1: ['],
  ] as const) {
    const { problems } = await reportOf(text, 'pairs.json');
    assert.deepEqual(
      problems.map((problem) => tell(text, problem)),
      [expected],
    );
    assert.equal(problems[0]!.row, undefined, 'no edit may rely on where the row ends');
  }
  assert.deepEqual(await told('[]', 'pairs.json'), []);
});

test('objects one after another in a .json file', async () => {
  const text = `${JSON.stringify(good, null, 2)}\n${JSON.stringify({ ...good, chosen: '' }, null, 2)}\n`;
  assert.deepEqual(await told(text, 'pairs.json'), ['empty-response 8: ""']);
  assert.equal((await told(`${JSON.stringify(good)}]`, 'pairs.json'))[0], 'malformed-row 1: ]');
});

const fixtures = new URL('../../fixtures/datasets/', import.meta.url);
for (const folder of ['good', 'bad']) {
  test(`fixtures: ${folder} for the reader is ${folder} for the checks, in the same line`, async () => {
    const names = (await readdir(new URL(folder, fixtures))).filter((name) => /\.jsonl?$/.test(name));
    let compared = 0;
    for (const name of names) {
      const url = new URL(`${folder}/${name}`, fixtures);
      const text = (await readFile(url, 'utf8')).replace(/^\ufeff/, '');
      // Faults of bytes are none of a text; responses that are all tied make no pair, which is no row's fault.
      if (/latin-1|utf-16|all-tied/.test(name) || text.trim() === '' || text.trim() === '[]') continue;
      const outcomes = await readOutcomes(url.pathname);
      const { problems, pairs } = await reportOf(text, name);
      const errors = problems.filter(({ check }) => CHECK_SEVERITIES[check] === 'error');
      const lines = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.line] : []));
      assert.equal(pairs, outcomes.length - lines.length, name);
      assert.deepEqual(
        [...new Set(errors.map(({ range }) => (name.endsWith('.json') ? 0 : range.start.line + 1)))],
        name.endsWith('.json') && lines.length > 0 ? [0] : lines,
        name,
      );
      compared++;
    }
    assert.ok(compared > 15, `${compared} files`);
  });
}

test('an edited text is told of exactly as by a checker that never saw it before', async () => {
  const value = fc.constantFrom('a', 'b', ' a', '', '</s>', 'Ã©');
  const row = fc.oneof(
    fc.record({ prompt: value, chosen: value, rejected: value }).map((fields) => JSON.stringify(fields)),
    fc.constantFrom('{', '', '7', '{"conversations":[]}', '{"chosen":"x"}'),
  );
  const texts = fc.array(fc.array(row, { maxLength: 8 }), { minLength: 2, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(texts, fc.boolean(), async (versions, isList) => {
      const checker = new PreferenceChecker(isList);
      for (const rows of versions) {
        const text = isList ? `[${rows.join(',\n')}]` : rows.join('\n');
        assert.deepEqual(await checker.check(text), await new PreferenceChecker(isList).check(text));
      }
    }),
    { numRuns: 200 },
  );
});

test('a check that is superseded ends early, and the next one is whole', async () => {
  const text = manyRows(
    6000,
    (i) => `chosen ${i} `.repeat(20),
    (i) => `rejected ${i} `.repeat(20),
  );
  const checker = new PreferenceChecker(false);
  const abort = new AbortController();
  const first = checker.check(text, abort.signal);
  abort.abort();
  assert.equal(await first, undefined);
  assert.equal((await checker.check(text))?.pairs, 6000);
});

test('a long check leaves the event loop free', async () => {
  const text = manyRows(
    6000,
    (i) => `chosen ${i} `.repeat(20),
    (i) => `rejected ${i} `.repeat(20),
  );
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await reportOf(text);
  clearInterval(timer);
  assert.ok(turns >= 2, `${turns} turns`);
});
