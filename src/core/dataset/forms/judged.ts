import type { Fields } from '../fields.js';
import { readRanked, readScored } from '../judged.js';
import type { ResponsePlaces } from '../responses.js';
import { type Form, hasSides, type Places, TEMPLATE_COLUMNS } from './form.js';

/** Which two responses make the pair is known only where it was made. */
function place(fields: Fields, places: ResponsePlaces | undefined): Places | undefined {
  if (places === undefined) return undefined;
  return { prompt: (fields['prompt'] ?? null) === null ? 'instruction' : 'prompt', ...places };
}

const PROMPT = ['prompt', 'instruction'] as const;
const hasCompletions = (fields: Fields): boolean => Array.isArray(fields['completions']);

export const RANKED: Form = {
  description: 'ranked responses (prompt, responses, ranks)',
  columns: [...PROMPT, 'responses', 'ranks', ...TEMPLATE_COLUMNS],
  detect: (fields) => !hasSides(fields) && !hasCompletions(fields) && 'responses' in fields && 'ranks' in fields,
  read: readRanked,
  place,
};

export const SCORED: Form = {
  description: 'scored responses (prompt, responses, scores; or instruction, completions with a score each)',
  columns: [...PROMPT, 'responses', 'scores', 'completions', ...TEMPLATE_COLUMNS],
  detect: (fields) => !hasSides(fields) && (hasCompletions(fields) || 'responses' in fields),
  read: readScored,
  place,
};
