import { isFields } from '../dataset/fields.js';
import { detectForm } from '../dataset/forms/index.js';
import { sliceRows } from './slice.js';

/** How much of a text is looked at: enough for a row or two of any preference file. */
export const HEAD_LENGTH = 64 * 1024;
const MOST_ROWS = 5;
/** Fields that every preference pair has one of; a prompt or a conversation alone is no preference. */
const PREFERENCE_NAMES = [
  ...['chosen', 'rejected', 'chosen_messages', 'rejected_messages'],
  ...['preferred_output', 'non_preferred_output', 'rejected_response', 'overall_preference'],
  ...['conversation_a', 'conversation_b', 'human_ref_A', 'human_ref_B'],
];
const PREFERENCE_FIELD = new RegExp(`"(?:${PREFERENCE_NAMES.join('|')})"\\s*:`);

/**
 * Whether a text is that of a preference file, by its first rows. A row that is no JSON counts by the names in it, so
 * that a file stays one while its first row is being typed.
 *
 * @param head the text, or at least its first `headLength` units
 */
export function isPreferenceText(head: string, isJsonFile: boolean): boolean {
  const start = head.slice(0, HEAD_LENGTH);
  // Most JSON files end here, before anything is parsed.
  if (!PREFERENCE_FIELD.test(start)) return false;
  return sliceRows(start, isJsonFile)
    .rows.slice(0, MOST_ROWS)
    .some((span) => isPreferenceRow(start.slice(span.start, span.end)));
}

function isPreferenceRow(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) && detectForm(value) !== undefined && PREFERENCE_NAMES.some((name) => Object.hasOwn(value, name));
  } catch {
    return PREFERENCE_FIELD.test(text);
  }
}
