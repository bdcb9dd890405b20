import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addOptions, planOptionNames, runnerOptionNames, trainingOptionNames } from '../../../src/cli/options.js';
import { hasFlag, OPTION_PATHS, optionProblem, optionRow, ruleTable } from '../../../src/core/options/index.js';
import { Command } from 'commander';

const repository = path.resolve(import.meta.dirname, '../../..');

test('every option has a default that its rule allows, a label, and a line of help', () => {
  for (const option of OPTION_PATHS) {
    const row = optionRow(option);
    assert.ok(row, option);
    assert.equal(optionProblem(option, row.default), undefined, option);
    if (typeof row.absent === 'object') assert.equal(optionProblem(option, row.absent.means), undefined, option);
    assert.match(row.label, /^[A-Z]|^rsLoRA$|^cuBLASLt$/, option);
    assert.doesNotMatch(row.help, /\.$|^$/, option);
  }
});

test('labels tell options apart', () => {
  const labels = OPTION_PATHS.map((option) => optionRow(option)!.label);
  assert.deepEqual(
    labels.filter((label, index) => labels.indexOf(label) !== index),
    [],
  );
});

test('what is no option has no row, whatever it is called', () => {
  for (const name of ['', 'plan', 'plan.', 'beta', 'training.constructor', 'constructor.name', '__proto__.x', 'plan.beta']) {
    assert.equal(optionRow(name), undefined, name);
  }
});

test('every option that fits on a command line has a flag there', () => {
  const command = new Command();
  addOptions(command, 'plan', planOptionNames, true);
  addOptions(command, 'training', trainingOptionNames, true);
  addOptions(command, 'runner', runnerOptionNames, true);
  const flags = new Set(command.options.map(({ long }) => long));
  for (const option of OPTION_PATHS) {
    const flag = `--${option.split('.')[1]!.replaceAll('_', '-')}`;
    assert.equal(flags.has(flag), hasFlag(option), option);
  }
  assert.deepEqual(
    OPTION_PATHS.filter((option) => !hasFlag(option)),
    ['training.parameter_groups', 'training.lora_rank_pattern', 'training.lora_alpha_pattern'],
  );
});

test("the table that the runner's rules are held against is the one these give: `npm run schema` writes it", () => {
  const committed = readFileSync(path.join(repository, 'native-runner/test/options.json'), 'utf8');
  assert.equal(committed, `${JSON.stringify(ruleTable(), undefined, 2)}\n`);
});
