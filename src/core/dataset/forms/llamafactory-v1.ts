import { readV1 } from '../llama-factory.js';
import { type Form, TEMPLATE_COLUMNS } from './form.js';

export const LLAMAFACTORY_V1: Form = {
  description: 'LLaMA-Factory v1 (chosen_messages, rejected_messages)',
  columns: ['chosen_messages', 'rejected_messages', ...TEMPLATE_COLUMNS],
  // Beside `messages` they are ms-swift's.
  detect: (fields) => 'chosen_messages' in fields || ('rejected_messages' in fields && !('messages' in fields)),
  read: (reader) => ({ pairs: [readV1(reader)], dropped: 0 }),
  place: () => ({
    prompt: 'chosen_messages',
    chosen: 'chosen_messages',
    rejected: 'rejected_messages',
    promptInResponses: true,
  }),
};
