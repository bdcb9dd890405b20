import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Contender, type Halving, halvingOf, type Rung, rungStep, standings } from '../../../src/core/sweep/index.js';

const HALVING: Halving = { metric: 'eval_loss', factor: 2, minSteps: 10 };

/** A trial by its evaluations at steps 10, 20, 40, …; a setting of its own unless one is named. */
function contender(name: string, values: readonly number[], more: Partial<Contender> = {}): Contender {
  return { name, setting: name, evaluations: new Map(values.map((value, i) => [10 * 2 ** i, value])), isFinished: false, ...more };
}

const out = (contenders: readonly Contender[], halving = HALVING, decided: readonly Rung[] = []): Record<string, string> => {
  const { of } = standings(contenders, halving, decided);
  return Object.fromEntries(
    [...of].map(([name, { goal, waits, out: stopped }]) => [
      name,
      stopped !== undefined ? `out at rung ${stopped.rung}, step ${stopped.step}` : waits ? `waits at ${goal}` : `to ${goal ?? 'its end'}`,
    ]),
  );
};

test('rungs are the steps named, or each the factor times as far as the one before', () => {
  assert.deepEqual(halvingOf({ min_steps: 10 }), { metric: 'eval_loss', factor: 3, rungs: undefined, minSteps: 10 });
  assert.deepEqual(
    [0, 1, 2].map((k) => rungStep(halvingOf({ min_steps: 10 }), k)),
    [10, 30, 90],
  );
  assert.equal(rungStep(halvingOf({ min_steps: 10 }), 30), undefined, 'beyond any number of steps');
  assert.deepEqual(
    [0, 1, 2].map((k) => rungStep({ ...HALVING, rungs: [5, 30] }, k)),
    [5, 30, undefined],
  );
});

test('nothing is decided before all have been evaluated at the rung; who is there waits', () => {
  assert.deepEqual(out([contender('a', [0.1]), contender('b', []), contender('c', [0.3])]), {
    a: 'waits at 10',
    b: 'to 10',
    c: 'waits at 10',
  });
});

test('the best part goes on at each rung, until one is left', () => {
  const names = [...'abcdefgh'];
  const first = names.map((name, i) => contender(name, [i / 10]));
  assert.deepEqual(out(first), {
    ...Object.fromEntries([...'efgh'].map((name) => [name, 'out at rung 1, step 10'])),
    ...Object.fromEntries([...'abcd'].map((name) => [name, 'to 20'])),
  });
  // The order among those left is another later.
  const later = names.map((name, i) => contender(name, i < 4 ? [i / 10, 1 - i / 10, i === 2 ? 0 : 1] : [i / 10]));
  assert.deepEqual(out(later), {
    ...Object.fromEntries([...'efgh'].map((name) => [name, 'out at rung 1, step 10'])),
    ...{ a: 'out at rung 2, step 20', b: 'out at rung 2, step 20', d: 'out at rung 3, step 40', c: 'to its end' },
  });
});

test('a higher accuracy is better, a lower loss', () => {
  const two = [contender('a', [0.2]), contender('b', [0.7])];
  assert.equal(out(two)['a'], 'to its end');
  for (const metric of ['eval_rewards/accuracies', 'eval_rewards/margins', 'eval_rewards/chosen'] as const) {
    assert.equal(out(two, { ...HALVING, metric })['b'], 'to its end', metric);
  }
});

test('the number that goes on is rounded down, but one does', () => {
  const goOn = (count: number, factor: number): number =>
    standings(
      Array.from({ length: count }, (_, i) => contender(`${i}`, [i])),
      { ...HALVING, factor },
    ).rungs[0]!.on.length;
  assert.deepEqual([goOn(7, 3), goOn(9, 3), goOn(2, 3), goOn(5, 2)], [2, 3, 1, 2]);
});

test('of equals the first of the sweep goes on, whatever the order they came in', () => {
  assert.deepEqual(out([contender('a', [0.5]), contender('b', [0.5]), contender('c', [0.5])]), {
    b: 'out at rung 1, step 10',
    c: 'out at rung 1, step 10',
    a: 'to its end',
  });
});

test('what is no number is the worst, for both directions, and is kept as null', () => {
  const three = [contender('a', [NaN]), contender('b', [9]), contender('c', [NaN])];
  for (const metric of ['eval_loss', 'eval_rewards/margins'] as const) {
    const { rungs } = standings(three, { ...HALVING, metric });
    assert.deepEqual(rungs, [{ step: 10, values: { a: null, b: 9, c: null }, on: ['b'] }]);
  }
  assert.deepEqual(standings([contender('a', [NaN]), contender('b', [NaN])], HALVING).rungs[0]!.on, ['a']);
});

test('seeds of a setting are judged by their mean, and go on or stop together', () => {
  const of = (setting: string) => (name: string, value: number) => contender(name, [value], { setting });
  const good = of('good');
  const bad = of('bad');
  // The best single run is of the worse setting.
  assert.deepEqual(out([bad('b1', 0.1), bad('b2', 0.9), good('g1', 0.3), good('g2', 0.4)]), {
    b1: 'out at rung 1, step 10',
    b2: 'out at rung 1, step 10',
    g1: 'to its end',
    g2: 'to its end',
  });
  assert.equal(out([bad('b1', 0.1), bad('b2', NaN), good('g1', 0.3), good('g2', 0.4)])['b1'], 'out at rung 1, step 10', 'one diverged');
  assert.deepEqual(out([good('g1', 0.3), good('g2', 0.4)]), { g1: 'to its end', g2: 'to its end' }, 'seeds alone are never stopped');
});

test('a decision stays, whatever becomes of the runs later', () => {
  const before = standings([contender('a', [0.1]), contender('b', [0.2]), contender('c', [0.3]), contender('d', [0.4])], HALVING);
  const { rungs } = before;
  // The evaluation is gone (resumed from an earlier checkpoint), another is repeated, one has failed and is none any more.
  const after = [contender('a', []), contender('c', [0]), contender('d', [0.4])];
  assert.deepEqual(out(after, HALVING, rungs), { c: 'out at rung 1, step 10', d: 'out at rung 1, step 10', a: 'to its end' });
  assert.deepEqual(standings(after, HALVING, rungs).rungs, rungs);
});

test('a run that comes to it is compared as the others were', () => {
  const four = [contender('a', [0.1]), contender('b', [0.2]), contender('c', [0.3]), contender('d', [0.4])];
  const { rungs } = standings(four, HALVING);
  const five = [...four, contender('e', [])];
  assert.equal(out(five, HALVING, rungs)['c'], 'waits at 10');
  const six = [...four, contender('e', [0.05]), contender('f', [0.5])];
  assert.deepEqual(standings(six, HALVING, rungs).rungs[0]!.on, ['a', 'b', 'e']);
});

test('other rungs than those decided at are decided anew', () => {
  const four = [contender('a', [0.1, 0.9]), contender('b', [0.2, 0.1]), contender('c', [0.3, 1])];
  const { rungs } = standings(four, HALVING);
  assert.deepEqual(standings(four, { ...HALVING, rungs: [20] }, rungs).rungs, [{ step: 20, values: { a: 0.9, b: 0.1, c: 1 }, on: ['b'] }]);
});

test('a run that ends before a rung ends the comparing: all the others go to their ends', () => {
  assert.deepEqual(out([contender('short', [], { isFinished: true }), contender('long', [0.1]), contender('other', [])]), {
    short: 'to its end',
    long: 'to its end',
    other: 'to its end',
  });
  // One that went past the rung while nobody looked is compared as it was there.
  assert.deepEqual(out([contender('a', [0.9, 0.1], { isFinished: true }), contender('b', [0.2])]), {
    a: 'out at rung 1, step 10',
    b: 'to its end',
  });
});

test('the outcome is the same in whatever order runs get there, and with a restart at any point', () => {
  const values: Readonly<Record<string, readonly number[]>> = {
    a: [3, 1, 5],
    b: [1, 2, 3],
    c: [2, 2, 2],
    d: [4, 0, 0],
    e: [1, 1, 1],
    f: [9, 9, 9],
  };
  const names = Object.keys(values);
  const results = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const done = new Map(names.map((name) => [name, 0]));
    let rungs: readonly Rung[] = [];
    for (;;) {
      const now = names.map((name) => contender(name, values[name]!.slice(0, done.get(name))));
      const standing = standings(now, HALVING, (round + done.get('a')!) % 3 === 0 ? [] : rungs);
      rungs = standing.rungs;
      const open = [...standing.of].filter(([, { goal, waits }]) => goal !== undefined && !waits).map(([name]) => name);
      if (open.length === 0) break;
      const next = open[(round * 7 + [...done.values()].reduce((a, b) => a + b, 0) * 3) % open.length]!;
      done.set(next, done.get(next)! + 1);
    }
    results.add(JSON.stringify(rungs));
  }
  assert.equal(results.size, 1);
  assert.deepEqual(
    (JSON.parse([...results][0]!) as Rung[]).map(({ on }) => on),
    [['b', 'c', 'e'], ['e']],
  );
});
