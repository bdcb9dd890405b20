/** What panels with form fields have in common. */

import type { Check } from './shape.js';
import { isFlag, isObject, isText } from './values.js';

export type Texts = Readonly<Record<string, string>>;

/** Nobody types longer values. */
export const LONGEST_VALUE = 20_000;

export const FIELD_KINDS = ['text', 'number', 'choice', 'flag', 'path', 'paths', 'losses', 'devices'] as const;
export type FieldKind = (typeof FIELD_KINDS)[number];

/**
 * One field of the form. Its value is a text: `true` or `false` for a flag, items separated by commas for a list, one path on
 * each line for paths.
 */
export interface FieldSpec {
  /** `dataset`, `evalDataset`, `model`, `name`, or an option's path in `run.json`, such as `training.beta`. */
  readonly id: string;
  readonly label: string;
  readonly help: string;
  readonly kind: FieldKind;
  /** The values of a choice, the names of losses, or devices by their numbers. */
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  /** Whether it is among the section's further fields, which are folded away. */
  readonly more: boolean;
}

export const FIELD: Check<FieldSpec> = {
  id: isText,
  label: isText,
  help: isText,
  kind: ['one of', FIELD_KINDS],
  choices: ['list of', { value: isText, label: isText }],
  more: isFlag,
};

/** A value that a user may give a field. */
export function isValue(value: unknown): value is string {
  return isText(value) && value.length <= LONGEST_VALUE;
}

export function isTextMap(value: unknown): value is Texts {
  return isObject(value) && Object.values(value).every(isText);
}
