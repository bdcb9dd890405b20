import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import fc from 'fast-check';
import { equalExact, exactText, fileKey, float, integer, numberOf, parseExact, parseExactRow } from '../../../src/core/exact-json/index.js';
import { isKept } from '../../../src/core/exact-json/lossless.js';
import { spelt } from './spelt.js';

/** [JSON text, what Python reads from it] */
const cases = JSON.parse(readFileSync(path.join(import.meta.dirname, 'fixture.json'), 'utf8')) as [string, string][];

/** All that a value goes through between its file and a chat template. */
function passedOn(value: unknown): unknown {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(spread(value));
  const sent: unknown = receiveMessageOnPort(port2)?.message;
  port1.close();
  return spread(sent);
}

function spread(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spread);
  if (typeof value !== 'object' || value === null || value instanceof Number) return value;
  return Object.fromEntries(Object.entries({ ...value }).map(([name, item]) => [name, spread(item)]));
}

test('the reading that the others are held against is that of Python', () => {
  for (const [text, python] of cases) assert.equal(spelt(text), python, text.slice(0, 200));
});

test('values of texts are passed on as Python reads them', () => {
  assert.ok(cases.length > 500);
  let lossy = 0;
  for (const [text, python] of cases) {
    assert.equal(spelt(exactText(passedOn(parseExact(text)))), python, text.slice(0, 200));
    if (spelt(JSON.stringify(JSON.parse(text))) !== python) lossy++;
  }
  assert.ok(lossy > 100, 'JSON.parse would not do');
});

test('a text counts as kept only when JSON.parse keeps all of it', () => {
  let kept = 0;
  for (const [text, python] of cases) {
    if (!isKept(text)) continue;
    kept++;
    assert.equal(spelt(JSON.stringify(JSON.parse(text))), python, text.slice(0, 200));
  }
  assert.ok(kept > 50);
  // What stands in a text is no number, and fractions are kept: such rows are read by JSON.parse alone.
  for (const text of ['{"a":"1.0, 2: [3.0, \\"4.0\\" ] 12345678901234567890"}', '[0.25,1e-7,-3.5,123456789012345]', '{"a1":1,"_":2}']) {
    assert.ok(isKept(text), text);
  }
});

const name = fc.oneof(fc.constantFrom('a', 'b', '0', '1', '10', '__proto__', '\0', '\u00001', 'role', ''), fc.string({ unit: 'binary' }));
const numeral = fc.oneof(
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => `${Object.is(value, -0) ? '-0' : value}`),
  fc.tuple(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: -400, max: 400 })).map(([digits, power]) => `${digits}e${power}`),
  fc.tuple(fc.integer(), fc.nat(99)).map(([whole, part]) => `${whole}.${part}`),
  fc.integer().map((whole) => `${whole}.0`),
  fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,24})?([eE][-+]?\d{1,3})?$/),
);
const text = fc.string({ unit: 'binary' }).map((value) => JSON.stringify(value));
const space = fc.constantFrom('', ' ', '\n', '\t \r');
const { value: anyJson } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    numeral,
    text,
    fc.constantFrom('true', 'false', 'null'),
    fc.tuple(fc.array(tie('value'), { maxLength: 4 }), space).map(([items, gap]) => `[${gap}${items.join(`${gap},${gap}`)}${gap}]`),
    fc.tuple(fc.array(fc.tuple(name, tie('value')), { maxLength: 5 }), space).map(([fields, gap]) => {
      return `{${gap}${fields.map(([key, item]) => `${JSON.stringify(key)}${gap}:${gap}${item}`).join(`,${gap}`)}${gap}}`;
    }),
  ),
}));

test('any JSON text is passed on as an independent reading has it', () => {
  fc.assert(
    fc.property(anyJson, (json) => {
      assert.equal(spelt(exactText(passedOn(parseExact(json)))), spelt(json));
      if (isKept(json)) assert.equal(spelt(JSON.stringify(JSON.parse(json))), spelt(json));
    }),
    { numRuns: 2000 },
  );
});

test('what is no JSON is refused as by JSON.parse, and so are whole numbers that Python refuses', () => {
  for (const bad of ['', '{', '{"a":1.0', '[1.0,]', '{"a":01.0}', '"\u0001"', 'NaN', '[1.0 2]', "{'a': 1.0}", '1.0.0', '"\\x"']) {
    assert.throws(() => parseExact(bad), SyntaxError, bad);
  }
  assert.throws(() => parseExact('1'.repeat(4301)), SyntaxError);
});

test('a row has its own fields under their own names, those below are kept', () => {
  const row = parseExactRow('{"2":{"2":1.0,"1":{"__proto__":[{"3":2}]}},"__proto__":{"1":1},"0":"x"}') as Record<string, unknown>;
  assert.equal(row['0'], 'x');
  assert.equal(exactText(row['2']), '{"2":1.0,"1":{"__proto__":[{"3":2}]}}');
  assert.equal(exactText(Object.getOwnPropertyDescriptor(row, '__proto__')?.value), '{"1":1}');
  assert.deepEqual(Object.keys(row['2'] as object).map(fileKey), ['2', '1']);
});

test('numbers made by code are written by their type', () => {
  const written = [
    float(2),
    float(-0),
    float(0.5),
    float(1e20),
    float(1e21),
    float(NaN),
    float(-Infinity),
    integer(2n ** 53n),
    integer(7n),
    7,
  ];
  assert.equal(exactText(written), '[2.0,-0.0,0.5,100000000000000000000.0,1e+21,NaN,-1e999,9007199254740992,7,7]');
  assert.equal(exactText({ a: undefined, b: [undefined] }), '{"b":[null]}');
  assert.deepEqual([float(2), integer(2n ** 60n), '2', null].map(numberOf), [2, 2 ** 60, undefined, undefined]);
});

test('values are equal as in Python', () => {
  const equal = (a: string, b: string): boolean => equalExact(parseExact(a), parseExact(b));
  const same = [
    ['1', '1.0'],
    ['1', 'true'],
    ['0.0', 'false'],
    ['-0.0', '0'],
    ['10000000000000000', '1e16'],
    ['1e400', '2e400'],
    ['null', 'null'],
    ['{"a":1,"b":[2.0,{"2":1,"1":2}]}', '{"b":[2,{"1":2.0,"2":true}],"a":1.0}'],
    ['[]', '[]'],
    ['"é"', '"\\u00e9"'],
  ] as const;
  const different = [
    ['1', '"1"'],
    ['0', 'null'],
    ['9007199254740993', '9007199254740992.0'],
    ['[]', '{}'],
    ['[1]', '[1,1]'],
    ['{"a":null}', '{}'],
    ['{"a":1}', '{"b":1}'],
    ['null', 'false'],
    ['"é"', '"e\\u0301"'],
    ['{"a":1}', '[1]'],
  ] as const;
  for (const [a, b] of same) assert.ok(equal(a, b) && equal(b, a), `${a} ${b}`);
  for (const [a, b] of different) assert.ok(!equal(a, b) && !equal(b, a), `${a} ${b}`);
});

test('nesting that Python would not read is refused', () => {
  assert.equal(exactText(parseExact(`${'['.repeat(500)}1.0${']'.repeat(500)}`)).length, 1003);
  assert.throws(() => exactText(parseExact(`${'['.repeat(5000)}1.0${']'.repeat(5000)}`)), RangeError);
});
