import { numberOf } from '../../exact-json/index.js';
import { extractMessagePrompt } from '../extract-prompt.js';
import type { RowReader } from '../fields.js';
import type { RowPairs } from '../responses.js';
import { readTemplateInputs } from '../template-inputs.js';
import type { Message } from '../types.js';
import { type Form, hasTwoOf, TEMPLATE_COLUMNS } from './form.js';

const A = 'conversation_a';
const B = 'conversation_b';

/**
 * Votes of LMSYS's Chatbot Arena (cards of chatbot_arena_conversations, mt_bench_human_judgments and
 * arena-human-preference-140k): two whole conversations of which `winner` names the better one, or a tie.
 */
export const CHATBOT_ARENA: Form = {
  description: 'Chatbot Arena (conversation_a, conversation_b, winner)',
  columns: [A, B, 'winner', 'turn', ...TEMPLATE_COLUMNS],
  detect: (fields) => hasTwoOf(fields, [A, B, 'winner']) && (A in fields || B in fields),
  read: readArena,
  place: (_, places) => places && { prompt: places.chosen, ...places, promptInResponses: true },
};

const TIES: readonly unknown[] = ['tie', 'tie (bothbad)', 'both_bad'];

function readArena(reader: RowReader): RowPairs {
  const { fields } = reader;
  const [a, b] = [conversation(reader, A), conversation(reader, B)];
  const winner = reader.text(reader.need(fields, 'winner', 'winner'), 'winner');
  if (TIES.includes(winner)) return { pairs: [], dropped: 1 };
  if (winner !== 'model_a' && winner !== 'model_b') {
    throw reader.error(
      `unknown winner ${JSON.stringify(winner.slice(0, 40))}`,
      'winner',
      `use model_a, model_b, ${TIES.join(', ')}, or remove the row`,
    );
  }
  const places = winner === 'model_a' ? { chosen: A, rejected: B } : { chosen: B, rejected: A };
  const split = winner === 'model_a' ? extractMessagePrompt(a, b) : extractMessagePrompt(b, a);
  if (split.prompt.length === 0) {
    throw reader.error(`${A} and ${B} have no message in common, so there is no prompt`, A, 'begin both with the same message');
  }
  for (const side of ['chosen', 'rejected'] as const) {
    split[side].forEach(({ content, tool_calls: calls }, index) => {
      const said = content ?? '';
      if (said.trim() === '' && !calls) reader.blank(`${places[side]}[${split.prompt.length + index}].content`, said);
    });
  }
  return { pairs: [{ kind: 'messages', ...split, ...readTemplateInputs(reader) }], dropped: 0, places: [places] };
}

/**
 * A conversation as far as the vote was about it: MT-bench's votes on the first of two turns stand beside both. A count of a
 * message's tokens is no part of what was said.
 */
function conversation(reader: RowReader, name: string): Message[] {
  const { fields } = reader;
  const messages = reader.messages(reader.need(fields, name, name), name, false).map(({ num_tokens: _, ...message }) => message as Message);
  const turns = numberOf(fields['turn']);
  if (turns === undefined || turns < 1) return messages;
  let asked = 0;
  const next = messages.findIndex(({ role }) => role === 'user' && ++asked > turns);
  return next < 0 ? messages : messages.slice(0, next);
}
