import type { RowReader } from '../fields.js';
import { chatMaker, chatPrompt, pairJudged } from '../judged.js';
import type { PairingOptions } from '../pairing.js';
import type { RowPairs } from '../responses.js';
import { type Form, hasTwoOf, TEMPLATE_COLUMNS } from './form.js';

/**
 * The subset `preference` of NVIDIA's HelpSteer3 (its dataset card): `overall_preference` goes from -3, `response1` is much
 * better, to 3, `response2` is much better; at 0 they are about the same.
 */
export const HELPSTEER3: Form = {
  description: 'HelpSteer3 preference (context, response1, response2, overall_preference)',
  columns: ['context', 'response1', 'response2', 'overall_preference', ...TEMPLATE_COLUMNS],
  detect: (fields) => hasTwoOf(fields, ['response1', 'response2', 'overall_preference']),
  read: readHelpSteer3,
  place: (_, places) => places && { prompt: 'context', ...places },
};

const STRONGEST = 3;

function readHelpSteer3(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const prompt = chatPrompt(reader, reader.need(fields, 'context', 'context'), 'context');
  const name = 'overall_preference';
  const preference = reader.number(reader.need(fields, name, name), name);
  if (Math.abs(preference) > STRONGEST) {
    throw reader.error(
      `field "${name}" is ${preference}, not between -3 and 3`,
      name,
      'write -3 to -1 where response1 is better, 1 to 3 where response2 is, 0 where neither is; or remove the row',
    );
  }
  // The preference is how far the second is ahead, which is what a margin is compared with.
  const judged = (['response1', 'response2'] as const).map((path, index) => ({
    response: reader.filledText(reader.need(fields, path, path), path),
    path,
    value: index === 0 ? 0 : preference,
  }));
  return pairJudged(reader, judged, options, chatMaker(reader, prompt));
}
