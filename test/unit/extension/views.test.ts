import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { parseBackends } from '../../../src/core/runner/index.js';
import { countedText, datasetDescription, datasetFacts } from '../../../src/extension/views/dataset-text.js';
import { deviceRows } from '../../../src/extension/views/device-text.js';

const NONE_LEFT_OUT = { rows: 0, first: [] };

test('GPUs come first, with their memory; the CPU with its threads', () => {
  const backends = parseBackends(
    JSON.stringify({
      backends: [
        { name: 'cpu', available: true, devices: [{ name: 'AMD EPYC', threads: 16 }] },
        {
          name: 'cuda',
          available: true,
          devices: [
            { name: 'NVIDIA H100', capability: '9.0', memory: 85017493504 },
            { name: 'NVIDIA L4', capability: '8.9', memory: 24 * 2 ** 30 },
          ],
        },
      ],
    }),
  );
  assert.deepEqual(
    deviceRows(backends).map(({ label, description }) => [label, description]),
    [
      ['NVIDIA H100', 'GPU 0 · 79.2 GiB · compute capability 9.0'],
      ['NVIDIA L4', 'GPU 1 · 24.0 GiB · compute capability 8.9'],
      ['AMD EPYC', 'CPU · 16 threads'],
    ],
  );
});

test('where there is no GPU, the list says why', () => {
  const cuda = { name: 'cuda', available: false, devices: [], problem: 'no driver was found' };
  assert.deepEqual(deviceRows([cuda]), [{ label: 'No GPU', description: 'no driver was found', icon: 'circle-slash', available: false }]);
});

test('a dataset with its summary, its problems, or what keeps it from being read', () => {
  const summary = {
    form: 'trl-explicit',
    pairs: 2000,
    badRows: { rows: 1, first: [{ row: 3, line: 4, what: 'missing field "rejected"' }] },
    columns: { unread: [], warnings: [] },
    counts: { 'missing-field': 1, duplicate: 3, 'length-bias': 1 },
  } as const;
  assert.equal(datasetDescription(undefined), 'reading…');
  assert.equal(datasetDescription(summary), '2,000 pairs · 1 error, 3 warnings, 1 note');
  assert.equal(datasetDescription({ ...summary, badRows: NONE_LEFT_OUT, counts: {} }), '2,000 pairs · no problems');
  assert.equal(datasetDescription({ ...summary, counts: undefined }), '2,000 pairs · not checked, 1 unreadable row');
  assert.equal(datasetDescription(new WishboneError('the file is empty', 'f', 'fill it')), 'the file is empty');
  assert.deepEqual(
    datasetFacts('trl-explicit', summary).map(({ label }) => label),
    ['Form', 'Pairs', '1 row cannot be trained on', 'duplicate', 'missing-field', 'length-bias'],
  );
  assert.deepEqual(
    datasetFacts('trl-explicit', { ...summary, badRows: NONE_LEFT_OUT, counts: {} }).map(({ label }) => label),
    ['Form', 'Pairs', 'Problems'],
  );
  assert.equal(countedText([summary, { ...summary, counts: {} }]), '4,000 pairs · 1 error, 3 warnings, 1 note');
  assert.equal(countedText([summary, { ...summary, counts: undefined }]), undefined, 'of files that were checked alone');
  const warning = { kind: 'lost-text', columns: ['question'], what: '"question" holds text', advice: 'name it', remedies: [] } as const;
  const columns = { unread: [{ name: 'id' }, { name: 'question' }], warnings: [warning] };
  const table = { ...summary, columns, counts: undefined };
  assert.deepEqual(
    datasetFacts('trl-implicit', table)
      .slice(2)
      .map(({ label, description }) => [label, description]),
    [
      ['1 row cannot be trained on', 'line 4: missing field "rejected"'],
      ['Columns', '"question" holds text; name it'],
      ['Not read', 'id, question'],
    ],
  );
  assert.equal(datasetDescription(table), '2,000 pairs · not checked, 1 unreadable row');
});
