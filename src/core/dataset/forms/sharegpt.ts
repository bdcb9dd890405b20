import { readShareGpt } from '../llama-factory.js';
import { CHOSEN_AND_REJECTED, type Form, TEMPLATE_COLUMNS } from './form.js';

export const SHAREGPT: Form = {
  description: 'ShareGPT preference (conversations, chosen, rejected)',
  columns: ['conversations', 'chosen', 'rejected', 'system', ...TEMPLATE_COLUMNS],
  detect: (fields) => 'conversations' in fields,
  read: (reader, { tags }) => ({ pairs: [readShareGpt(reader, tags)], dropped: 0 }),
  place: (_, places = CHOSEN_AND_REJECTED) => ({
    prompt: 'conversations',
    ...places,
    keys: { role: 'from', content: 'value' },
    systemField: true,
  }),
};
