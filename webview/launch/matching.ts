import type { FieldSpec } from '../../src/protocol/form.js';

/** Whether a field is meant by all words of a search: by its label, help, name in files, or a value it can have. */
export function isMeant({ id, label, help, choices }: FieldSpec, search: string): boolean {
  const text = [label, help, id, id.replaceAll('_', ' '), ...choices.map((choice) => choice.label)].join(' ').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
