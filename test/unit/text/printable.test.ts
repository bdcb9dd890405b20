import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WishboneError } from '../../../src/core/errors.js';
import { printable, printableLine } from '../../../src/core/text/printable.js';

test('what a terminal acts on is shown, all else stays', () => {
  assert.equal(printable('plain, café, 日, 🦴\n\tx'), 'plain, café, 日, 🦴\n\tx');
  assert.equal(printable('\x1b]0;title\x07\r'), '\\u001b]0;title\\u0007\\u000d');
  assert.equal(printable('\x9b31m\x7f\u202e\u2066\u200f'), '\\u009b31m\\u007f\\u202e\\u2066\\u200f');
  assert.equal(printableLine('a\nb\tc'), 'a\\u000ab\\u0009c');
});

test('JSON text means the same afterwards', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(JSON.parse(printable(JSON.stringify(text))), text);
    }),
  );
});

test('an error has three lines, whatever its parts hold', () => {
  const error = new WishboneError('no column "a\n  fix: run rm -rf"', 'x\x1b[2J.csv:1', 'rename it');
  assert.equal(error.format(), 'error: no column "a\\u000a  fix: run rm -rf"\n  at: x\\u001b[2J.csv:1\n  fix: rename it');
});
