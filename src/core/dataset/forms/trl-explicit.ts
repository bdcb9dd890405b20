import type { RowReader } from '../fields.js';
import type { PairingOptions } from '../pairing.js';
import { pairSides, type RowPairs } from '../responses.js';
import { readTemplateInputs } from '../template-inputs.js';
import { CHOSEN_AND_REJECTED, type Form, hasSides, TEMPLATE_COLUMNS } from './form.js';

export const TRL_EXPLICIT: Form = {
  description: 'TRL with explicit prompt (prompt, chosen, rejected)',
  columns: ['prompt', 'chosen', 'rejected', ...TEMPLATE_COLUMNS],
  // A row with a prompt alone is one that lost its responses.
  detect: (fields) => hasSides(fields) || 'prompt' in fields,
  read: readExplicit,
  place: (_, places = CHOSEN_AND_REJECTED) => ({ prompt: 'prompt', ...places }),
};

function readExplicit(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const value = reader.need(fields, 'prompt', 'prompt');
  return pairSides(reader, options, { value }, true, {
    text: (chosen, rejected) => ({
      kind: 'text',
      prompt: reader.text(value, 'prompt'),
      chosen: chosen.content,
      rejected: rejected.content,
    }),
    messages: (chosen, rejected) => ({
      kind: 'messages',
      prompt: reader.messages(value, 'prompt', false),
      chosen: chosen.content,
      rejected: rejected.content,
      ...readTemplateInputs(reader, { emptyTools: true }),
    }),
  });
}
