import { equalExact } from '../../exact-json/index.js';
import { extractMessagePrompt } from '../extract-prompt.js';
import { isFields, type Fields, type RowReader } from '../fields.js';
import { readSwiftMessages, type SwiftMessages } from '../swift-messages.js';
import { readTemplateInputs } from '../template-inputs.js';
import type { Message, MessagePair } from '../types.js';
import { type Form, TEMPLATE_COLUMNS } from './form.js';

/**
 * ms-swift's standard form (docs/source_en/Customization/Custom-dataset.md; TemplateInputs in swift/template/template_inputs.py):
 * `messages` end with the chosen response; the rejected one is `rejected_response`, or the end of `rejected_messages`.
 */
export const MS_SWIFT: Form = {
  description: 'ms-swift preference (messages with rejected_response or rejected_messages)',
  columns: ['messages', 'rejected_response', 'rejected_messages', 'rejected_tools', 'system', ...TEMPLATE_COLUMNS],
  detect: (fields) => 'messages' in fields && ('rejected_response' in fields || 'rejected_messages' in fields),
  read: (reader) => ({ pairs: [readSwift(reader)], dropped: 0 }),
  place,
};

function place(fields: Fields): ReturnType<Form['place']> {
  const isList = holdsTwo(fields);
  const rejected = isList ? 'rejected_messages' : 'rejected_response';
  // Calls of tools become one message with what was said before them: indices are others then.
  if (['messages', rejected].some((name) => callsTools(fields[name]))) return undefined;
  const sides = { prompt: 'messages', chosen: 'messages', rejected };
  return {
    ...sides,
    promptInResponses: isList ? true : 'chosen',
    ...(startsWithSystem(fields['messages']) ? {} : { systemField: true as const }),
  };
}

function readSwift(reader: RowReader): MessagePair {
  const { fields } = reader;
  const whole = readSwiftMessages(reader, reader.need(fields, 'messages', 'messages'), 'messages');
  refuseOtherTools(reader);
  const split = holdsTwo(fields) ? splitTwo(reader, whole) : splitOne(reader, whole);
  const hasSystem = startsWithSystem(whole.messages) || isAbsent(fields['system']) || fields['system'] === '';
  const system: Message[] = hasSystem ? [] : [{ role: 'system', content: reader.text(fields['system'], 'system') }];
  return { kind: 'messages', ...split, prompt: [...system, ...split.prompt], ...readTemplateInputs(reader) };
}

/** Who the assistant answers. */
const ASKING: ReadonlySet<string> = new Set(['user', 'tool']);

type Split = Pick<MessagePair, 'prompt' | 'chosen' | 'rejected'>;

/** The chosen response is what follows the last message of a user or a tool. */
function splitOne(reader: RowReader, whole: SwiftMessages): Split {
  const { fields } = reader;
  const { messages, paths } = whole;
  let end = messages.length;
  while (end > 0 && !ASKING.has(messages[end - 1]?.role ?? '')) end--;
  if (end === 0) throw reader.error('no message of a user, so there is no prompt', 'messages', 'put the question before the response');
  if (end === messages.length) {
    throw reader.error(
      `the messages end with the ${messages.at(-1)?.role}, so there is no chosen response`,
      `${paths.at(-1)}.role`,
      'end them with what the assistant should say',
    );
  }
  checkResponse(reader, whole, end);
  const name = 'rejected_response';
  const value = reader.need(fields, name, name);
  return { prompt: messages.slice(0, end), chosen: messages.slice(end), rejected: rejectedResponse(reader, value, name) };
}

function rejectedResponse(reader: RowReader, value: unknown, name: string): readonly Message[] {
  if (!Array.isArray(value)) return [{ role: 'assistant', content: reader.filledText(value, name) }];
  if (typeof value[0] === 'string') throw reader.wrongType(value, name, 'text or a list of messages');
  const response = readSwiftMessages(reader, value, name);
  checkResponse(reader, response, 0);
  return response.messages;
}

/** What both begin with is the prompt. */
function splitTwo(reader: RowReader, whole: SwiftMessages): Split {
  const name = 'rejected_messages';
  const rejected = readSwiftMessages(reader, reader.fields[name], name);
  const split = extractMessagePrompt(whole.messages, rejected.messages);
  const end = split.prompt.length;
  if (end === 0) {
    throw reader.error(
      `messages and ${name} have no message in common, so there is no prompt`,
      'messages',
      'begin both lists with the same messages',
    );
  }
  for (const side of [whole, rejected]) checkResponse(reader, side, end);
  return split;
}

/** Every message of a response says something, and is trained on like the others. */
function checkResponse(reader: RowReader, { messages, paths, weighted }: SwiftMessages, from: number): void {
  messages.slice(from).forEach(({ content, tool_calls: calls }, index) => {
    const path = paths[from + index] as string;
    const said = content ?? '';
    if (said.trim() === '' && !calls) reader.blank(`${path}.content`, said);
    if (!weighted.has(path)) return;
    throw reader.error(
      'a message that is not to be trained on, or with a weight of its own: all messages of a response are trained on alike',
      `${path}.loss`,
      'remove the field, or the row',
    );
  });
}

/** The prompt of a pair is one, and so are the tools in it. */
function refuseOtherTools(reader: RowReader): void {
  const { fields } = reader;
  const others = fields['rejected_tools'];
  if (isAbsent(others) || equalExact(others, fields['tools'])) return;
  throw reader.error(
    'the rejected response has other tools than the chosen one, so they do not answer the same prompt',
    'rejected_tools',
    'give both the same tools, or remove the row',
  );
}

/** Both conversations are given whole; a `rejected_response` goes before. */
function holdsTwo(fields: Fields): boolean {
  return isAbsent(fields['rejected_response']) && !isAbsent(fields['rejected_messages']);
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function startsWithSystem(messages: unknown): boolean {
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  return isFields(first) && first['role'] === 'system';
}

function callsTools(messages: unknown): boolean {
  return Array.isArray(messages) && messages.some((message) => isFields(message) && message['role'] === 'tool_call');
}
