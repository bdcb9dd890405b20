import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TemplateEngine } from '../../../src/core/tokenizer/jinja/engine.js';
import type { RenderFailure, RenderResult } from '../../../src/core/tokenizer/jinja/protocol.js';

const fixture = path.join(import.meta.dirname, 'templates');
/** TRL's own templates, which `npm test` fetches (scripts/trl-templates.mjs). */
const trl = path.join(import.meta.dirname, '../../../.cache/trl/templates');

/** What Python's Jinja2 made of a template, or how it failed. */
type Outcome = string | { readonly error: string; readonly message: string; readonly line: number | null };

const read = <T>(name: string): T & { readonly now: string } =>
  JSON.parse(gunzipSync(readFileSync(path.join(fixture, name))).toString('utf8')) as T & { readonly now: string };

const engine = new TemplateEngine();
after(() => engine.close());

/**
 * The fixture was made by Python 3.11; the engine's Python is 3.14. Errors that it words otherwise, and in whose words.
 */
const rewordings: readonly (readonly [RegExp, string])[] = [
  [/^(integer|float)( floor)? (division|modulo)( or modulo)?( by zero)?$/, 'division by zero'],
  [/^0\.0 cannot be raised to a negative power$/, 'zero to a negative power'],
  [/^unhashable type: '(\w+)'$/, "cannot use '$1' as a … (unhashable type: '$1')"],
  [/ as a (set element|dict key) \(/, ' as a … ('],
  [/^argument of type '(\w+)' is not iterable$/, "argument of type '$1' is not a container or iterable"],
  [/^too many values to unpack \(expected (\d+)(, got \d+)?\)$/, 'too many values to unpack (expected $1)'],
  [/^cannot switch from (manual|automatic) field .*$/, 'cannot switch between field numberings'],
  [/^\S+ is not in list$|^list\.index\(x\): x not in list$/, 'not in list'],
  [/^'nope' is an invalid keyword argument for split\(\)$/, "split() got an unexpected keyword argument 'nope'"],
  [/^encoding with 'idna' codec failed.*$|^'idna' codec can't encode.*$/, 'idna'],
  [/^str\.replace\(\) takes no keyword arguments$/, 'replace() takes at least 2 positional arguments (0 given)'],
  // Words of transformers' own.
  [/^\w+\.<locals>\./, ''],
  [
    /^Chat templates cannot store underscore-prefixed .* got ('\w+')\. .*$/,
    'a namespace takes no name that begins with an underscore, such as $1',
  ],
];

/** What Python 3.14 does and 3.11 did not, or did otherwise. */
const newer = [
  // A keyword since 3.13.
  /\.replace\('l', 'L', count=1\)/,
  // `textwrap` no longer leaves a space at the end of a line where it breaks a word.
  /\| wordwrap\(/,
];

const reworded = (message: string): string => rewordings.reduce((text, [from, to]) => text.replace(from, to), message);

/** 3.14 tells of some what kind of it they are. */
const classOf = (error: string): string => error.replace('UnicodeEncodeError', 'UnicodeError');

/** In words of the fixture. */
function failure({ error = '', kind, message, line = null }: RenderFailure): Outcome {
  // Too large a number is an OverflowError in a Python of 64 bits, or takes all memory.
  if (kind === 'memory') return { error: 'OverflowError', message: 'memory', line };
  return { error: classOf(error), message: reworded(message), line };
}

function expected(result: Outcome): Outcome {
  if (typeof result === 'string') return result;
  const isMemory = result.error === 'MemoryError' || /index-sized|ssize_t/.test(result.message);
  if (isMemory) return { error: 'OverflowError', message: 'memory', line: result.line };
  return { error: classOf(result.error), message: reworded(result.message || result.error), line: result.line };
}

/** The pieces of a template and its text that are not what they should be. */
function differences(template: string, result: RenderResult, right: Outcome): unknown[] {
  const got = 'kind' in result ? failure(result) : (result[0] as string);
  const wanted = expected(right);
  if (typeof got === 'string' && typeof wanted === 'string') {
    const [lines = [], ours, theirs] = [template, got, wanted].map((text) => text.split(separator));
    return lines.flatMap((line, at) => (ours?.[at] === theirs?.[at] ? [] : [[line, ours?.[at], theirs?.[at]]]));
  }
  return JSON.stringify(got) === JSON.stringify(wanted) ? [] : [[template, got, wanted]];
}

/** Between expressions that one template holds. */
const separator = '\n--\n';

test('every construct gives what it gives in Python', () => {
  const { now, values, cases } = read<{ values: string; cases: [string, Outcome][] }>('constructs.json.gz');
  const jobs = cases.map(([template]) => {
    const parts = '[{"messages": [{"role": "user"}], "addGenerationPrompt": false}]';
    const input = `{"messages": [], "tools": null, "documents": null, "variables": ${values.replace(/\n/g, ' ')}, "parts": ${parts}}`;
    return { template, input };
  });
  const results = engine.render(jobs, now);
  const wrong = cases.flatMap(([template, right], index) => differences(template, results[index] as RenderResult, right));
  assert.ok(cases.length > 500);
  assert.deepEqual(
    wrong.filter((case_) => !newer.some((pattern) => pattern.test((case_ as string[])[0] as string))),
    [],
  );
});

test('whole templates give for conversations of many kinds what transformers gives', (t) => {
  const { now, jobs, templates } = read<{
    jobs: string[];
    templates: Record<string, { sha256: string; texts: [Outcome, Outcome][] }>;
  }>('conversations.json.gz');
  const absent: string[] = [];
  const wrong: unknown[] = [];
  let compared = 0;
  for (const [name, { sha256, texts }] of Object.entries(templates)) {
    const file = name.startsWith('trl/') ? path.join(trl, path.basename(name)) : path.join(fixture, name);
    if (!existsSync(file)) {
      absent.push(name);
      continue;
    }
    const text = readFileSync(file, 'utf8').replace(/\r\n?/g, '\n');
    assert.equal(createHash('sha256').update(text).digest('hex'), sha256, `${name} is not what the fixture was made with`);
    const results = engine.render(
      jobs.map((input) => ({ template: text, input })),
      now,
    );
    for (const [index, result] of results.entries()) {
      const [withPrompt, without] = texts[index] as [Outcome, Outcome];
      compared++;
      if (!('kind' in result) && result[0] === withPrompt && result[1] === without) continue;
      const right = typeof withPrompt === 'string' ? without : withPrompt;
      if ('kind' in result && JSON.stringify(failure(result)) === JSON.stringify(expected(right))) continue;
      wrong.push([name, jobs[index], result, texts[index]]);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(compared >= 200);
  if (absent.length > 0) t.diagnostic(`without ${absent.length} of TRL's templates, which are not in ${trl}`);
});
