import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { compareKinds } from './compare-kinds.js';

const file = path.join(import.meta.dirname, 'fixture/kinds.json.gz');

// Written by scripts/fixtures/tokenizer_kinds.py: every normalizer, pre-tokenizer, model, post-processor, decoder and kind of
// added token of the Rust library, with every option, over texts that are hard on each.
for (const tracksAll of [false, true]) {
  test(`pipelines of every kind make what the Rust library makes${tracksAll ? ', the slow way too' : ''}`, async () => {
    const { pipelines, equal, decoded, refused, different } = await compareKinds(file, { tracksAll });
    assert.deepEqual(different, []);
    assert.ok(pipelines > 650 && equal > 16_000 && decoded > 16_000, JSON.stringify({ pipelines, equal, decoded }));
    // What is refused here alone has a name, and is rare.
    for (const why of refused.keys()) assert.match(why, /too new for its character classes|cannot be reproduced exactly|looked for as/);
    assert.ok([...refused.values()].reduce((sum, times) => sum + times, 0) <= 30);
  });
}
