import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datasetName } from '../../../src/core/run/index.js';

test('data are called by the folder, entry or split that they were named by, else by their first file', () => {
  const of = (...names: string[]): string =>
    datasetName({ path: '/a/b/data-00000-of-00002.arrow', ...(names.length > 0 ? { names } : {}) });
  assert.equal(of(), 'data-00000-of-00002.arrow');
  assert.equal(of('/a/b'), 'b');
  assert.equal(of('/a/b#train'), 'b#train');
  assert.equal(of('/a/b:0.5'), 'b');
  assert.equal(of('/a/b/*.arrow'), 'data-00000-of-00002.arrow');
  assert.equal(of('/a/b', '/a/c'), 'data-00000-of-00002.arrow');
});
