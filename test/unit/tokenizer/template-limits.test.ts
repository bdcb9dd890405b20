import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ChatTemplate } from '../../../src/core/tokenizer/chat-template.js';
import { templateEngine } from '../../../src/core/tokenizer/jinja/engine.js';
import { ChatTemplateError } from '../../../src/core/tokenizer/template-error.js';

after(() => templateEngine().close());

const input = { messages: [{ role: 'user', content: 'hi' }], addGenerationPrompt: false, specialTokens: {} };
const render = (text: string): string => ChatTemplate.of(text, 'chat_template.jinja').render(input);

function refusal(text: string): string {
  try {
    const result = render(text);
    return assert.fail(`rendered: ${result.slice(0, 100)}`);
  } catch (error) {
    assert.ok(error instanceof ChatTemplateError, String(error));
    assert.equal(error.where, 'chat_template.jinja');
    return error.what;
  }
}

/** A list that holds itself twice, and so on: as long as 2^60 when written out. */
const doubled = (name: string): string =>
  `{% set n = namespace(${name}=[0]) %}{% for i in range(60) %}{% set n.${name} = [n.${name}, n.${name}] %}{% endfor %}`;

const hostile: readonly (readonly [name: string, template: string, says: RegExp])[] = [
  ['a range too long', 'a\n{{ range(300000000)|length }}', /Range too big.*MAX_RANGE \(100000\).*\(line 2 of the template\)/],
  [
    'loops in loops',
    '{% for a in range(99999) %}\n{% for b in range(99999) %}{% endfor %}\n{% endfor %}',
    /longer than 3 seconds and was stopped, in the loop over "b" within the loop over "a" \(line 2 /,
  ],
  [
    'loops in macros',
    '{% macro m() %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endmacro %}\n{% for a in range(99999) %}{% set x = m() %}{% endfor %}',
    /longer than 3 seconds.*loop over "b" within the loop over "a" \(line 1 /,
  ],
  ['a text without an end', '\n\n{{ "a" * 10 ** 10 }}', /more than 512 MiB of memory.*\(line 3 of the template: \{\{ "a" \* 10/],
  ['a large text', '{{ "a" * 10 ** 9 }}', /more than 512 MiB of memory.*line 1/],
  [
    'a text that doubles',
    '{% set n = namespace(a="ab") %}\n{% for i in range(99) %}{% set n.a = n.a ~ n.a %}{% endfor %}',
    /more than 512 MiB of memory.*line 2/,
  ],
  [
    'a list that doubles',
    '{% set n = namespace(a=[1]) %}\n{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}',
    /more than 512 MiB of memory.*line 2/,
  ],
  ['much output', '{% for a in range(99999) %}\n{{ "x" * 99999 }}{% endfor %}', /more than 64 million characters.*line [12] of/],
  ['padding', '{{ "%999999999d" % 1 }}', /more than 512 MiB of memory.*line 1/],
  ['a filter that pads', '{{ "x"|center(999999999) }}', /more than 512 MiB of memory.*line 1/],
  ['a number without an end', '{% set n = 99999 %}\n{{ (n ** n) ** n }}', /longer than 3 seconds|more than 512 MiB.*line 2/],
  ['a macro that calls itself', '{% macro m(x) %}\n{{ m(x) }}{% endmacro %}{{ m(1) }}', /nests too deeply.*line 2/],
  [
    'macros that call each other',
    '{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}\n{{ a() }}{% endmacro %}{{ a() }}',
    /nests too deeply|'b' is undefined/,
  ],
  ['a loop that calls itself', '{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}', /nests too deeply.*line 1/],
  [
    'a caller that calls itself',
    '{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}',
    /nests too deeply.*line 1/,
  ],
  ['parentheses', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`, /nests too deeply/],
  ['blocks', `${'{% if true %}'.repeat(5000)}${'{% endif %}'.repeat(5000)}`, /nests too deeply|cannot be read/],
  [
    'lists in lists',
    `{% set n = namespace(a=[]) %}{% for i in range(99999) %}{% set n.a = [n.a] %}{% endfor %}\n{{ n.a }}`,
    /nests too deeply.*line 2/,
  ],
  [
    'lists in lists as JSON',
    `{% set n = namespace(a=[]) %}{% for i in range(99999) %}{% set n.a = [n.a] %}{% endfor %}\n{{ n.a|tojson }}`,
    /nests too deeply.*line 2/,
  ],
  [
    'a comparison that cannot be interrupted',
    `${doubled('a')}${doubled('b').replace('{% set n', '{% set m').replaceAll('n.b', 'm.b')}\n{{ n.a == m.b }}`,
    /longer than 3 seconds and was stopped \(line 2 of the template/,
  ],
  [
    'a count that cannot be interrupted',
    `${doubled('a')}\n\n{{ [n.a].count([n.a]) }}{{ n.a|string|length }}`,
    /longer than 3 seconds|more than 512 MiB/,
  ],
  [
    'a sum of lists',
    '{% set x = [range(99999)|list]|list %}\n{{ (x * 9999)|sum(start=[])|length }}',
    /longer than 3 seconds|more than 512 MiB/,
  ],
];

for (const [name, template, says] of hostile) {
  test(`${name}: refused within seconds; the next template is rendered`, () => {
    const begin = performance.now();
    assert.match(refusal(template), says);
    // The limits, a start of the engine and its trace; on a machine with other things to do.
    assert.ok(performance.now() - begin < 30_000);
    assert.equal(render('{{ messages[0].content }}!'), 'hi!');
  });
}

test('nothing of the machine is within reach of a template, nor of the interpreter', () => {
  for (const attempt of [
    '{{ messages.__class__.__base__.__subclasses__() }}',
    '{{ "".__class__.__mro__ }}',
    '{{ cycler.__init__.__globals__ }}',
    '{{ raise_exception.__globals__ }}',
    '{{ strftime_now.__globals__.os.environ }}',
    '{{ namespace.__init__.__globals__ }}',
    '{{ dict.__class__ }}',
    '{{ self.__init__.__globals__ }}',
    '{{ joiner.__init__["__globals__"] }}',
    '{{ ""|attr("__class__") }}',
    '{{ "{0.__class__.__base__}".format(1) }}',
    '{{ "{x.__class__}".format_map({"x": 1}) }}',
    '{{ (messages|map(attribute="__class__")|list)[0].__base__ }}',
    '{% set f = "{0.__class__}".format %}{{ f(1) }}',
    '{{ messages.append(1) }}',
    '{{ messages[0].update({"a": 1}) }}',
    '{% include "/etc/passwd" %}',
    '{% import "os" as os %}',
  ]) {
    let text: string;
    try {
      text = render(attempt);
    } catch (error) {
      assert.ok(error instanceof ChatTemplateError);
      continue;
    }
    // What the sandbox calls unsafe renders as nothing.
    assert.equal(text, '', attempt);
  }
});

test('what differs each time it is rendered is refused by name', () => {
  assert.match(refusal('{{ [1, 2]|random }}'), /the filter "random" gives another text each time/);
  assert.match(refusal('{{ lipsum() }}'), /lipsum\(\) gives another text each time/);
});

test("the clock is the machine's", () => {
  const before = new Date();
  const text = render('{{ strftime_now("%Y-%m-%d %H") }}');
  const stamp = (date: Date): string => {
    const two = (value: number): string => String(value).padStart(2, '0');
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}`;
  };
  assert.ok([stamp(before), stamp(new Date())].includes(text), text);
});
