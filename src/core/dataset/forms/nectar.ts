import { isFields, type RowReader } from '../fields.js';
import { pairJudged } from '../judged.js';
import type { PairingOptions } from '../pairing.js';
import type { RowPairs } from '../responses.js';
import { type Form, hasSides, TEMPLATE_COLUMNS } from './form.js';

/** Berkeley's Nectar (its dataset card): `answers` with a `rank` each, 1 being the best. */
export const NECTAR: Form = {
  description: 'Nectar (prompt, answers with a rank each)',
  columns: ['prompt', 'answers', ...TEMPLATE_COLUMNS],
  detect: (fields) =>
    !hasSides(fields) &&
    Array.isArray(fields['answers']) &&
    fields['answers'].some((item: unknown) => isFields(item) && 'answer' in item && 'rank' in item),
  read: readNectar,
  place: (_, places) => places && { prompt: 'prompt', ...places },
};

function readNectar(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const judged = reader.list(reader.need(fields, 'answers', 'answers'), 'answers').map((item, index) => {
    const path = `answers[${index}]`;
    const entry = reader.object(item, path);
    const place = `${path}.answer`;
    const response = reader.filledText(reader.need(entry, 'answer', place), place);
    const rank = reader.number(reader.need(entry, 'rank', `${path}.rank`), `${path}.rank`);
    return { response, path: place, value: -rank };
  });
  reader.need(fields, 'prompt', 'prompt');
  // Ranks say an order, not how far apart: a margin is of scores.
  return pairJudged(reader, judged, { ...options, minMargin: 0 });
}
