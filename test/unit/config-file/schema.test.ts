import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { configProblems, configSchema, optionTables, parseConfigFile, SECTIONS, TOP_FIELDS } from '../../../src/core/config-file/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, PRESETS, OPTION_PATHS } from '../../../src/core/options/index.js';

const repository = path.resolve(import.meta.dirname, '../../..');
// Not strict: VS Code's additions are unknown to it.
const validate = new Ajv({ strict: false }).compile(configSchema());

function reads(value: unknown): boolean {
  try {
    parseConfigFile(JSON.stringify(value), '/x/run.wishbone.json');
    return true;
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return false;
  }
}

test('the schema in media/ is the one the rules give: `npm run schema` writes it', () => {
  const committed = readFileSync(path.join(repository, 'media/run-config.schema.json'), 'utf8');
  assert.equal(committed, `${JSON.stringify(configSchema(), undefined, 2)}\n`);
});

test('docs/run-config.md names every field and has the tables of options that the rules give', () => {
  const docs = readFileSync(path.join(repository, 'docs/run-config.md'), 'utf8');
  assert.ok(docs.includes(`\n${optionTables()}\n`), 'run `npm run schema`');
  const named = docs.split('\n').filter((line) => line.startsWith('|'));
  for (const name of [...Object.keys(TOP_FIELDS), ...Object.keys(SECTIONS)])
    assert.ok(
      named.some((line) => line.split('|')[1]?.includes(`\`${name}\``)),
      name,
    );
  for (const option of OPTION_PATHS) assert.ok(optionTables().includes(`| \`${option.split('.')[1]}\``), option);
});

test('the example in docs/run-config.md is a config without a problem', () => {
  const docs = readFileSync(path.join(repository, 'docs/run-config.md'), 'utf8');
  const [, example] = /```jsonc\n([^]*?)```/.exec(docs) ?? [];
  assert.deepEqual(configProblems(example ?? '', '/x/run.wishbone.json'), []);
});

test('the extension gives the schema to VS Code', () => {
  const { contributes } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
    contributes: { jsonValidation: unknown };
  };
  assert.deepEqual(contributes.jsonValidation, [{ fileMatch: '*.wishbone.json', url: './media/run-config.schema.json' }]);
});

test('every field has a hover, every option a default that the schema allows', () => {
  const { properties } = configSchema() as {
    properties: Record<string, { description?: string; properties?: Record<string, { description?: string }> }>;
  };
  for (const [name, field] of Object.entries(properties)) {
    assert.ok(field.description, name);
    for (const [option, inner] of Object.entries(field.properties ?? {})) assert.ok(inner.description, `${name}.${option}`);
  }
  const { reference_model: _, ...training } = DEFAULT_TRAINING;
  assert.ok(validate({ version: 1, plan: DEFAULT_PLAN, training, runner: DEFAULT_RUNNER }), JSON.stringify(validate.errors));
  for (const { plan, training } of PRESETS) assert.ok(validate({ version: 1, plan, training }));
});

test('schema and reader accept and refuse the same values of every option', () => {
  const options = OPTION_PATHS.map((option) => option.split('.') as [string, string]);
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -2, max: 70000 }),
    fc.constantFrom(0, 1, 0.5, true, false, '', 'sigmoid', 'linear', 'pair', 'cuda', '/a', 'auto', 'in_step'),
    fc.constantFrom<unknown>([], ['sigmoid', 'sft'], ['dpo'], [0.5, 1], [{ pattern: '*' }], [{ pattern: '*', learning_rate: 2 }], [{}]),
  );
  for (const [section, name] of options) {
    const isText = ['reference_model', 'adapter_name_or_path', 'lora_target_modules', 'cublaslt'].includes(name);
    fc.assert(
      fc.property(value, (drawn) => {
        // What a text must look like is the reader's alone to say.
        if (isText && [drawn].flat().some((text) => typeof text === 'string')) return;
        if (JSON.stringify(drawn).includes('"pattern":"')) return;
        const config = { version: 1, [section]: { [name]: drawn } };
        assert.equal(validate(config), reads(config), JSON.stringify(config));
      }),
      { numRuns: 60 },
    );
  }
});

test('schema and reader refuse the same unknown fields', () => {
  for (const config of [{ version: 1, x: 1 }, { version: 1, plan: { x: 1 } }, {}, { version: 1, training: [] }, []]) {
    assert.equal(validate(config), false);
    assert.equal(reads(config), false);
  }
  assert.deepEqual(configProblems('{"version": 1, "plan": {"num_train_epochs": 3}}', '/x/r.wishbone.json'), []);
  assert.ok(validate({ version: 1, plan: { num_train_epochs: 3 } }));
});
