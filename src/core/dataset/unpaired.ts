import { peek, type Fields, type RowReader } from './fields.js';

/** Fields of which every form of preference pair has one. */
const RESPONSES = [
  ...['chosen', 'rejected', 'chosen_messages', 'rejected_messages', 'rejected_response', 'preferred_output', 'non_preferred_output'],
  ...['responses', 'completions', 'answers', 'response1', 'response2', 'conversation_a', 'conversation_b', 'human_ref_A', 'human_ref_B'],
];

/** Columns by which they are told. */
export const UNPAIRED_COLUMNS = ['completion', 'label', 'kto_tag'] as const;

/** What is said of a row that is no pair. */
export interface Unpaired {
  readonly what: string;
  readonly advice: string;
  /** The field by which it is told. */
  readonly field: string;
}

/**
 * Tells rows of one response with a verdict: TRL's unpaired preference (`prompt`, `completion`, `label`), and KTO rows of ms-swift
 * (`messages`, `label`) and LLaMA-Factory (`kto_tag`, or `messages` with `label`).
 */
export function unpairedFeedback(fields: Fields): Unpaired | undefined {
  if (RESPONSES.some((name) => Object.hasOwn(fields, name))) return undefined;
  const has = (name: string): boolean => Object.hasOwn(fields, name);
  const isVerdict = typeof peek(fields, 'label') === 'boolean';
  const isLabelled = has('label') && (has('completion') || (isVerdict && (has('messages') || has('conversations'))));
  const field = isLabelled ? 'label' : has('kto_tag') ? 'kto_tag' : undefined;
  if (field === undefined) return undefined;
  return {
    what: 'this row is unpaired feedback, as KTO trains on it: one response with a verdict, not two to compare',
    advice: 'make pairs of responses to the same prompt, a good one as "chosen" and a bad one as "rejected", or train with KTO elsewhere',
    field,
  };
}

/** Refuses such a row. @throws FieldError */
export function refuseUnpaired(reader: RowReader): void {
  const found = unpairedFeedback(reader.fields);
  if (found !== undefined) throw reader.error(found.what, found.field, found.advice);
}
