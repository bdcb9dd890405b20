import { extractMessagePrompt, extractTextPrompt } from '../extract-prompt.js';
import type { RowReader } from '../fields.js';
import type { PairingOptions } from '../pairing.js';
import { pairSides, type Response, type RowPairs } from '../responses.js';
import { readTemplateInputs } from '../template-inputs.js';
import type { Message, MessagePair } from '../types.js';
import { CHOSEN_AND_REJECTED, type Form, hasSides, holdsMessages, TEMPLATE_COLUMNS } from './form.js';

export const TRL_IMPLICIT: Form = {
  description: 'TRL with implicit prompt (chosen, rejected with the prompt in both)',
  columns: ['chosen', 'rejected', ...TEMPLATE_COLUMNS],
  detect: (fields) => {
    if (!hasSides(fields)) return false;
    if (!('prompt' in fields)) return true;
    // Some sets repeat the prompt as text beside message lists that hold it; TRL ignores the text, and so do we.
    return typeof fields['prompt'] === 'string' && holdsMessages(fields['chosen']) && holdsMessages(fields['rejected']);
  },
  read: readImplicit,
  place: (_, places = CHOSEN_AND_REJECTED) => ({ prompt: places.chosen, ...places, promptInResponses: true }),
};

function readImplicit(reader: RowReader, options: PairingOptions): RowPairs {
  return pairSides(reader, options, undefined, false, {
    text: (chosen, rejected) => ({ kind: 'text', ...extractTextPrompt(chosen.content, rejected.content) }),
    messages: (chosen, rejected) => splitMessages(reader, chosen, rejected),
  });
}

function splitMessages(reader: RowReader, chosen: Response<readonly Message[]>, rejected: Response<readonly Message[]>): MessagePair {
  const split = extractMessagePrompt(chosen.content, rejected.content);
  if (split.prompt.length === 0) {
    if (typeof reader.fields['prompt'] === 'string') {
      throw reader.error(
        'the prompt is text, while chosen and rejected are lists of messages that do not hold it',
        'prompt',
        'write all three as text, or the prompt as messages too: [{"role": "user", "content": …}]',
      );
    }
    throw reader.error(
      'chosen and rejected have no message in common, so there is no prompt',
      chosen.path,
      'begin both lists with the same messages, or add a field "prompt"',
    );
  }
  for (const { content, path } of [chosen, rejected]) {
    content.slice(split.prompt.length).forEach((message, index) => {
      const said = message.content ?? '';
      if (said.trim() === '' && !message['tool_calls']) {
        reader.blank(`${path}[${split.prompt.length + index}].content`, said);
      }
    });
  }
  return { kind: 'messages', ...split, ...readTemplateInputs(reader, { emptyTools: true }) };
}
