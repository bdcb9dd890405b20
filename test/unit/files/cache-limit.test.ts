import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WishboneError } from '../../../src/core/errors.js';
import { cacheLimit } from '../../../src/core/files/disk-cache.js';

test('the limit of the cache is what is given, else that of the environment in GB, else 5 GB', () => {
  const of = (text: string): number => cacheLimit(undefined, { WISHBONE_CACHE_LIMIT: text });
  assert.deepEqual([cacheLimit(7, { WISHBONE_CACHE_LIMIT: '2' }), of('2'), of(' 0.5 '), of('0'), of('')], [7, 2e9, 5e8, 0, 5e9]);
  assert.equal(cacheLimit(undefined, {}), 5e9);
});

test('a limit that is no number is refused, not taken for another', () => {
  for (const text of ['5GB', 'abc', '-1', 'NaN']) {
    assert.throws(
      () => cacheLimit(undefined, { WISHBONE_CACHE_LIMIT: text }),
      (error: unknown) => error instanceof WishboneError && error.what.includes(`"${text}"`),
    );
  }
  assert.equal(cacheLimit(1, { WISHBONE_CACHE_LIMIT: 'abc' }), 1, 'nobody asks for it');
});
