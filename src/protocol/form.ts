/** What panels with fields have in common. */

import { isObject, isOneOf, isText } from './values.js';

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

export function isField(value: Readonly<Record<string, unknown>>): boolean {
  return (
    ['id', 'label', 'help'].every((name) => isText(value[name])) &&
    isOneOf(value['kind'], FIELD_KINDS) &&
    typeof value['more'] === 'boolean' &&
    isList(value['choices'], (each) => isText(each['value']) && isText(each['label']))
  );
}

export function isTextMap(value: unknown): value is Texts {
  return isObject(value) && Object.values(value).every(isText);
}

export function isList(value: unknown, fits: (each: Readonly<Record<string, unknown>>) => boolean): boolean {
  return Array.isArray(value) && value.every((each) => isObject(each) && fits(each));
}
