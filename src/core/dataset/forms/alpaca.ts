import { readAlpaca } from '../llama-factory.js';
import { CHOSEN_AND_REJECTED, type Form, hasSides, holdsMessages, TEMPLATE_COLUMNS } from './form.js';

export const ALPACA: Form = {
  description: 'Alpaca preference (instruction, input, chosen, rejected)',
  columns: ['instruction', 'input', 'chosen', 'rejected', 'system', 'history', ...TEMPLATE_COLUMNS],
  detect: (fields) => hasSides(fields) && !('prompt' in fields) && 'instruction' in fields && !holdsMessages(fields['chosen']),
  read: readAlpaca,
  place: (_, places = CHOSEN_AND_REJECTED) => ({
    prompt: 'instruction',
    ...places,
    question: [
      ['user', 'instruction'],
      ['input', 'input'],
    ],
  }),
};
