/** What panels with fields have in common. */

import type { Check } from './shape.js';
import { isFlag, isObject, isText } from './values.js';

export type Texts = Readonly<Record<string, string>>;

/** Longer values are none of a person's. */
export const LONGEST_VALUE = 20_000;

export const FIELD_KINDS = ['text', 'number', 'choice', 'flag', 'path', 'paths', 'losses'] as const;
export type FieldKind = (typeof FIELD_KINDS)[number];

/**
 * One field of the form. Its value is text: of a flag `true` or `false`, of a list its items with commas between, of
 * paths one a line.
 */
export interface FieldSpec {
  /** `dataset`, `evalDataset`, `model`, `name`, or an option's path in `run.json`, such as `training.beta`. */
  readonly id: string;
  readonly label: string;
  readonly help: string;
  readonly kind: FieldKind;
  /** Of a choice: its values. Of losses: their names. */
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  /** Shown only when the section's further fields are. */
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

/** A value that somebody gives a field. */
export function isValue(value: unknown): value is string {
  return isText(value) && value.length <= LONGEST_VALUE;
}

export function isTextMap(value: unknown): value is Texts {
  return isObject(value) && Object.values(value).every(isText);
}
