import { isFields, type Fields, type RowReader } from '../fields.js';
import { chatMaker, chatPrompt, pairJudged } from '../judged.js';
import type { PairingOptions } from '../pairing.js';
import type { RowPairs } from '../responses.js';
import { type Form, hasSides, TEMPLATE_COLUMNS } from './form.js';

/** Names by which UltraFeedback's completions hold a text. */
const SCORED_TEXTS = ['response', 'text', 'content'] as const;

/** NeMo RL's PreferenceDataset (nemo_rl/data/datasets/preference_datasets): the least rank is the best. */
export const NEMO: Form = {
  description: 'NeMo preference (context, completions with a rank each)',
  columns: ['context', 'completions', ...TEMPLATE_COLUMNS],
  detect: (fields) => !hasSides(fields) && hasRankedMessages(fields['completions']),
  read: readNemo,
  place: (_, places) => places && { prompt: 'context', ...places },
};

/** Whether completions are NeMo's and not such as have a score beside their text. */
function hasRankedMessages(completions: unknown): boolean {
  if (!Array.isArray(completions)) return false;
  const entries = completions.filter(isFields);
  const isScored = (entry: Fields): boolean => SCORED_TEXTS.some((name) => name in entry);
  return entries.some((entry) => 'completion' in entry) && !entries.some(isScored);
}

function readNemo(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const prompt = chatPrompt(reader, reader.need(fields, 'context', 'context'), 'context');
  const judged = reader.list(reader.need(fields, 'completions', 'completions'), 'completions').map((item, index) => {
    const path = `completions[${index}]`;
    const entry = reader.object(item, path);
    const place = `${path}.completion`;
    const response = reader.messages(reader.need(entry, 'completion', place), place, true);
    const rank = reader.number(reader.need(entry, 'rank', `${path}.rank`), `${path}.rank`);
    return { response, path: place, value: -rank };
  });
  // Ranks say an order, not how far apart: a margin is of scores.
  return pairJudged(reader, judged, { ...options, minMargin: 0 }, chatMaker(reader, prompt));
}
