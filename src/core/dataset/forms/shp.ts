import type { RowReader } from '../fields.js';
import { chatMaker, pairJudged } from '../judged.js';
import type { PairingOptions } from '../pairing.js';
import type { RowPairs } from '../responses.js';
import { type Form, hasTwoOf, TEMPLATE_COLUMNS } from './form.js';

/**
 * Stanford Human Preferences, SHP and SHP-2 (their dataset cards): a post in `history`, two comments on it, and in `labels` 1
 * where A is preferred and 0 where B is. `score_ratio`, the better one's score by the other's, is what a margin is compared with.
 */
export const SHP: Form = {
  description: 'SHP (history, human_ref_A, human_ref_B, labels)',
  columns: ['history', 'human_ref_A', 'human_ref_B', 'labels', 'score_ratio', ...TEMPLATE_COLUMNS],
  detect: (fields) => hasTwoOf(fields, ['human_ref_A', 'human_ref_B', 'labels']),
  read: readShp,
  place: (_, places) => places && { prompt: 'history', ...places },
};

function readShp(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const content = reader.filledText(reader.need(fields, 'history', 'history'), 'history');
  const label = reader.number(reader.need(fields, 'labels', 'labels'), 'labels');
  if (label !== 0 && label !== 1) {
    throw reader.error(
      `field "labels" is ${label}, not 0 or 1`,
      'labels',
      'write 1 where human_ref_A is preferred, 0 where human_ref_B is, or remove the row',
    );
  }
  const ratio = ratioOf(reader, options);
  const judged = (['human_ref_A', 'human_ref_B'] as const).map((path, index) => ({
    response: reader.filledText(reader.need(fields, path, path), path),
    path,
    value: (label === 1) === (index === 0) ? ratio : 0,
  }));
  return pairJudged(reader, judged, options, chatMaker(reader, [{ role: 'user', content }]));
}

/** The preferred comment's score by the other's, 1 or more; only a margin asks for it. */
function ratioOf(reader: RowReader, { minMargin }: PairingOptions): number {
  const name = 'score_ratio';
  const value = reader.fields[name] ?? undefined;
  if (value === undefined && minMargin === 0) return 1;
  const ratio = reader.number(reader.need(reader.fields, name, name), name);
  if (ratio < 1) {
    const what = `field "${name}" is ${ratio}: the preferred comment has the lower score`;
    throw reader.error(what, name, 'it is the higher score by the lower one; fix it or labels, or remove the row');
  }
  return ratio;
}
