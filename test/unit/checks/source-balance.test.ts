import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLines } from '../dataset/support.js';
import { reportOf } from './support.js';

type Fields = Readonly<Record<string, unknown>>;

/** Rows with a chosen response that is longer in `longer` of `count` of them. */
function rows(count: number, longer: number, more: Fields, first = 0): Fields[] {
  return Array.from({ length: count }, (_, i) => {
    // Lengths vary widely, so that only the share of longer ones can be strong.
    const length = 10 + 37 * ((i * 7) % 23);
    const [long, short] = ['x'.repeat(length + 1), 'y'.repeat(length)];
    const [chosen, rejected] = i < longer ? [long, short] : [short, long];
    return { prompt: `p${first + i} ${JSON.stringify(more)}`, chosen, rejected, ...more };
  });
}

async function findings(...all: readonly Fields[]): Promise<string[]> {
  const { problems } = await reportOf(jsonLines(...all));
  // Columns that say where a row comes from are named as not read; that is another check's.
  return problems.filter(({ check }) => check !== 'unread-columns').map(({ check, what }) => `${check}: ${what}`);
}

test('a source whose lengths are biased is told when the whole is not', async () => {
  const a = rows(100, 50, { source: 'a' });
  assert.deepEqual(await findings(...a, ...rows(40, 36, { source: 'b' })), [
    'source-balance: length bias by source (how often the chosen response is longer): "b" 90% of 40',
  ]);
  assert.deepEqual(await findings(...a, ...rows(29, 29, { source: 'b' })), [], 'too few to tell');
  assert.deepEqual(await findings(...a, ...rows(40, 21, { source: 'b' })), []);
});

test('when the whole is biased, that is told alone', async () => {
  const told = await findings(...rows(50, 45, { source: 'a' }), ...rows(50, 45, { source: 'b' }));
  assert.equal(told.length, 1);
  assert.match(told[0]!, /^length-bias/);
});

test('a source that drowns the others is told', async () => {
  assert.deepEqual(await findings(...rows(97, 48, { dataset: 'a' }), ...rows(3, 1, { dataset: 'b' })), [
    'source-balance: 97% of the pairs come from the source "a"',
  ]);
});

test('a model that nearly always wins is told, from columns and from completions', async () => {
  const wins = rows(38, 19, { chosen_model: 'big', rejected_model: 'small' });
  const losses = rows(2, 1, { chosen_model: 'small', rejected_model: 'big' }, 100);
  const told = ['source-balance: responses of one model are nearly always chosen: "big" in 95% of 40 pairs'];
  assert.deepEqual(await findings(...wins, ...losses), told);
  const completions = [...wins, ...losses].map((row) => ({
    instruction: row['prompt'],
    completions: [
      { response: row['rejected'], model: row['rejected_model'], overall_score: 1 },
      { response: row['chosen'], model: row['chosen_model'], overall_score: 2 },
    ],
  }));
  assert.deepEqual(await findings(...completions), told);
  assert.deepEqual(await findings(...wins.slice(0, 20), ...losses), []);
});

test('the report lists sources with their pairs', async () => {
  const all = [...rows(3, 3, { source: 'b' }), ...rows(5, 0, { source: 'a' }), ...rows(1, 1, {})];
  assert.deepEqual((await reportOf(jsonLines(...all))).sources, [
    { name: 'a', pairs: 5, chosenLonger: 0 },
    { name: 'b', pairs: 3, chosenLonger: 1 },
  ]);
  assert.deepEqual((await reportOf(jsonLines(...rows(3, 3, { source: 'b' })))).sources, [], 'one is no split');
  const ids = Array.from({ length: 300 }, (_, i) => rows(1, i % 2, { source: `id ${i}` }, i)).flat();
  assert.deepEqual((await reportOf(jsonLines(...ids))).sources, [], 'labels that are ids');
});
