import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import type { RunListing, RunState } from '../../../src/core/run/index.js';
import { filteredRuns, filterProblemText, sortedListings, suggestions } from '../../../src/extension/views/run-filter.js';
import { exampleConfig } from '../run/support.js';

function run(
  name: string,
  state: RunState,
  { tags = [], loss, dataset = 'pairs.jsonl', day = 1 }: { tags?: string[]; loss?: number; dataset?: string; day?: number } = {},
): RunListing {
  const config = exampleConfig(new Date(Date.UTC(2026, 0, day)));
  const figures =
    loss === undefined
      ? undefined
      : ({
          of: 'evaluation',
          step: 9,
          pairs: 8,
          loss,
          margin: 0,
          accuracy: 1 - loss,
          best: { step: 5, loss: loss / 2, margin: 0, accuracy: 1 },
        } as const);
  return {
    folder: `/r/${name}`,
    config: { ...config, name, dataset: { ...config.dataset, path: `/data/${dataset}` } },
    tags,
    state,
    step: 9,
    steps: 10,
    figures,
  };
}

const broken: RunListing = { folder: '/r/broken-one', problem: new WishboneError('w', 'x', 'a') };
const runs = [
  run('baseline', 'finished', { tags: ['keep', 'beta'], loss: 0.6, day: 1 }),
  run('run-10', 'failed', { tags: ['beta'], loss: 0.4, day: 2 }),
  run('run-9', 'running', { day: 3, dataset: 'my pairs.jsonl' }),
  run('other', 'stopped', { loss: 0.5, day: 4 }),
  broken,
];

const shown = (text: string): string[] => filteredRuns(runs, text).shown.map(({ folder }) => folder.slice(3));

test('words are looked for in names, tags, model and dataset; all of them must be there', () => {
  assert.deepEqual(shown(''), ['baseline', 'run-10', 'run-9', 'other', 'broken-one']);
  assert.deepEqual(shown('RUN'), ['run-10', 'run-9']);
  assert.deepEqual(shown('run 10'), ['run-10']);
  assert.deepEqual(shown('tiny'), ['baseline', 'run-10', 'run-9', 'other'], 'the model');
  assert.deepEqual(shown('broken'), ['broken-one']);
  assert.deepEqual(shown('"my pairs"'), ['run-9']);
});

test('tags, states and datasets', () => {
  assert.deepEqual(shown('#beta'), ['baseline', 'run-10']);
  assert.deepEqual(shown('#beta #keep'), ['baseline'], 'each tag');
  assert.deepEqual(shown('tag:beta'), ['baseline', 'run-10']);
  assert.deepEqual(shown('state:failed state:stopped'), ['run-10', 'other'], 'either state');
  assert.deepEqual(shown('state:fin'), ['baseline']);
  assert.deepEqual(shown('state:active'), ['run-9']);
  assert.deepEqual(shown('dataset:"my pairs.jsonl"'), ['run-9']);
  assert.deepEqual(shown('#beta state:failed run'), ['run-10']);
  assert.deepEqual(shown('state: #'), ['baseline', 'run-10', 'run-9', 'other', 'broken-one'], 'not yet typed');
});

test('a term that means nothing says why, and counts for nothing', () => {
  const { shown: left, problem } = filteredRuns(runs, '#beta loss=>0.5 run');
  assert.deepEqual(
    left.map(({ folder }) => folder),
    ['/r/run-10'],
  );
  assert.equal(filterProblemText(problem!), '"=>" is no comparison: write >=, or put text in quotes.');
  assert.equal(filteredRuns(runs, '#beta loss>=0.5 run').problem, undefined);
  assert.ok(
    suggestions(runs, '#').some(({ term }) => term === '#beta'),
    'what is begun is no reason to offer nothing',
  );
});

test('what can be typed next, with how many runs it leaves', () => {
  const terms = (text: string): string[] => suggestions(runs, text).map(({ term, count }) => `${term} ${count}`);
  assert.deepEqual(terms(''), [
    'state:running 1',
    'state:finished 1',
    'state:stopped 1',
    'state:failed 1',
    '#beta 2',
    '#keep 1',
    'dataset:pairs.jsonl 3',
    'dataset:"my pairs.jsonl" 1',
  ]);
  assert.ok(!terms('#beta').includes('#beta 2'), 'what is there already is not offered');
  assert.ok(terms('state:failed').includes('#beta 1'), 'a tag narrows');
  assert.ok(terms('state:failed').includes('state:stopped 1'), 'a state widens');
  // What is suggested means what it says.
  for (const { term } of suggestions(runs, '')) assert.ok(shown(term).length > 0, term);
});

test('orders: those there is no value of come last', () => {
  const names = (sort: Parameters<typeof sortedListings>[1]): string[] => sortedListings(runs, sort).map(({ folder }) => folder.slice(3));
  assert.deepEqual(names('newest'), ['other', 'run-9', 'run-10', 'baseline', 'broken-one']);
  assert.deepEqual(names('name'), ['baseline', 'other', 'run-9', 'run-10', 'broken-one']);
  assert.deepEqual(names('loss'), ['run-10', 'other', 'baseline', 'run-9', 'broken-one']);
  assert.deepEqual(names('best'), ['run-10', 'other', 'baseline', 'run-9', 'broken-one']);
  assert.deepEqual(names('accuracy'), ['run-10', 'other', 'baseline', 'run-9', 'broken-one']);
  assert.deepEqual(names('state'), ['run-9', 'baseline', 'other', 'run-10', 'broken-one']);
});
