import { isFields, type RowReader } from '../fields.js';
import { readTemplateInputs, readTools } from '../template-inputs.js';
import type { MessagePair } from '../types.js';
import { type Form, TEMPLATE_COLUMNS } from './form.js';

export const OPENAI: Form = {
  description: 'OpenAI preference (input.messages, preferred_output, non_preferred_output)',
  columns: ['input', 'preferred_output', 'non_preferred_output', ...TEMPLATE_COLUMNS],
  detect: (fields) => 'preferred_output' in fields || 'non_preferred_output' in fields || isFields(fields['input']),
  read: (reader) => ({ pairs: [readOpenAi(reader)], dropped: 0 }),
  place: () => ({ prompt: 'input.messages', chosen: 'preferred_output', rejected: 'non_preferred_output' }),
};

function readOpenAi(reader: RowReader): MessagePair {
  const { fields } = reader;
  const input = reader.object(reader.need(fields, 'input', 'input'), 'input');
  return {
    kind: 'messages',
    prompt: reader.messages(reader.need(input, 'messages', 'input.messages'), 'input.messages', false),
    chosen: reader.messages(reader.need(fields, 'preferred_output', 'preferred_output'), 'preferred_output', true),
    rejected: reader.messages(reader.need(fields, 'non_preferred_output', 'non_preferred_output'), 'non_preferred_output', true),
    ...readTemplateInputs(reader, { tools: readTools(reader, input['tools'], 'input.tools') }),
  };
}
