import type { BackendInfo } from '../../../core/runner/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../../core/options/index.js';
import type { FieldSpec } from '../../../protocol/form.js';
import { formSections } from '../../draft/fields.js';
import { optionTexts, type Values } from '../../draft/read-draft.js';

/** The settings, in the panel's order. The fields are those of the launch form. */
const FIELDS = ['dataset', 'model', 'plan.sharing', 'pairs', 'rounds', 'runner.backend'];
const MORE = ['plan.capacity', 'plan.batch_size', 'plan.max_length', 'plan.seed', 'plan.format', 'runner.threads', 'runner.device'];
const OWN: readonly FieldSpec[] = [
  { id: 'pairs', label: 'Pairs', help: 'How many pairs from the start of the dataset; empty: all', kind: 'text', choices: [], more: false },
  { id: 'rounds', label: 'Rounds', help: 'How often every step of both plans is measured', kind: 'number', choices: [], more: false },
];
const MOST_ROUNDS = 1000;

/** What and how much to measure, as a panel starts. */
export function initialValues(): Values {
  const options = { plan: DEFAULT_PLAN, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };
  return { ...optionTexts(options), dataset: '', model: '', evalDataset: '', pairs: '', rounds: '3' };
}

export function speedupFields(backends: readonly BackendInfo[]): FieldSpec[] {
  const known = [...formSections(backends).flatMap(({ fields }) => fields), ...OWN];
  return [...FIELDS, ...MORE].map((id) => {
    const field = known.find((each) => each.id === id)!;
    const choices = id === 'plan.sharing' ? field.choices.filter(({ value }) => value !== 'none') : field.choices;
    return { ...field, choices, more: MORE.includes(id) };
  });
}

/** How much to measure. `pairs`: undefined for all. */
export function extentOf({ pairs = '', rounds = '' }: Values): { readonly pairs: number | undefined; readonly rounds: number } {
  return { pairs: pairs.trim() === '' ? undefined : Number(pairs), rounds: Number(rounds) };
}

/** What is wrong with how much to measure, by field. */
export function extentProblems({ pairs = '', rounds = '' }: Values): Record<string, string> {
  const badPairs = pairs.trim() !== '' && !isCount(pairs.trim());
  const badRounds = !isCount(rounds.trim()) || Number(rounds) > MOST_ROUNDS;
  return {
    ...(badPairs && { pairs: 'Expected a whole number above 0, or nothing for all' }),
    ...(badRounds && { rounds: `Expected a whole number from 1 to ${MOST_ROUNDS}` }),
  };
}

function isCount(text: string): boolean {
  return /^\d{1,9}$/.test(text) && Number(text) > 0;
}
