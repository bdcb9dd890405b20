import { extractMessagePrompt, extractTextPrompt } from './extract-prompt.js';
import { isFields, type Fields, type RowReader } from './fields.js';
import { readRanked, readScored } from './judged.js';
import type { PairingOptions } from './pairing.js';
import { pairSides, type Response, type RowPairs } from './responses.js';
import type { DatasetForm, Message, MessagePair } from './types.js';

/** The columns that a form may use. */
export const formColumns: readonly string[] = [
  ...['prompt', 'chosen', 'rejected', 'tools', 'conversations', 'system'],
  ...['input', 'preferred_output', 'non_preferred_output'],
  ...['instruction', 'completions', 'responses', 'ranks', 'scores'],
];

/** The form a row is written in, or undefined when it is none that we know. */
export function detectForm(fields: Fields): DatasetForm | undefined {
  if ('conversations' in fields) return 'sharegpt';
  if ('preferred_output' in fields || 'non_preferred_output' in fields || isFields(fields['input'])) return 'openai';
  if ('chosen' in fields || 'rejected' in fields) {
    if (!('prompt' in fields)) return 'trl-implicit';
    // Some sets repeat the prompt as text beside message lists that hold it; TRL ignores the text, and so do we.
    const repeated =
      typeof fields['prompt'] === 'string' && holdsMessages(fields['chosen']) && holdsMessages(fields['rejected']);
    return repeated ? 'trl-implicit' : 'trl-explicit';
  }
  if (Array.isArray(fields['completions'])) return 'scored';
  if ('responses' in fields) return 'ranks' in fields ? 'ranked' : 'scored';
  return 'prompt' in fields ? 'trl-explicit' : undefined;
}

/** A list of messages, or of message lists, not of texts. */
function holdsMessages(value: unknown): boolean {
  return Array.isArray(value) && !value.some((item) => typeof item === 'string');
}

/** Reads a row as the given form. @throws WishboneError naming file, line (or row) and field */
export function readForm(form: DatasetForm, reader: RowReader, options: PairingOptions): RowPairs {
  switch (form) {
    case 'trl-explicit':
      return readExplicit(reader, options);
    case 'trl-implicit':
      return readImplicit(reader, options);
    case 'sharegpt':
      return { pairs: [readShareGpt(reader)], dropped: 0 };
    case 'openai':
      return { pairs: [readOpenAi(reader)], dropped: 0 };
    case 'ranked':
      return readRanked(reader, options);
    case 'scored':
      return readScored(reader, options);
  }
}

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
      ...reader.tools(fields['tools'], 'tools'),
    }),
  });
}

function readImplicit(reader: RowReader, options: PairingOptions): RowPairs {
  return pairSides(reader, options, undefined, false, {
    text: (chosen, rejected) => ({ kind: 'text', ...extractTextPrompt(chosen.content, rejected.content) }),
    messages: (chosen, rejected) => splitMessages(reader, chosen, rejected),
  });
}

function splitMessages(
  reader: RowReader,
  chosen: Response<readonly Message[]>,
  rejected: Response<readonly Message[]>,
): MessagePair {
  const split = extractMessagePrompt(chosen.content, rejected.content);
  if (split.prompt.length === 0) {
    throw reader.error(
      'chosen and rejected have no message in common, so there is no prompt',
      chosen.path,
      'begin both lists with the same messages, or add a field "prompt"',
    );
  }
  for (const { content, path } of [chosen, rejected]) {
    content.slice(split.prompt.length).forEach((message, index) => {
      if (message.content !== null && message.content.trim() === '' && !message['tool_calls']) {
        reader.blank(`${path}[${split.prompt.length + index}].content`, message.content);
      }
    });
  }
  return { kind: 'messages', ...split, ...reader.tools(reader.fields['tools'], 'tools') };
}

/** LLaMA-Factory's names for who speaks, and the roles chat templates know. */
const shareGptRoles: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  system: 'system',
  observation: 'tool',
  tool: 'tool',
  function_call: 'assistant',
};

function readShareGpt(reader: RowReader): MessagePair {
  const { fields } = reader;
  const turn = (value: unknown, path: string, filled: boolean): Message => {
    const turnFields = reader.object(value, path);
    const from = reader.text(reader.need(turnFields, 'from', `${path}.from`), `${path}.from`);
    const role = Object.hasOwn(shareGptRoles, from) ? shareGptRoles[from] : undefined;
    if (role === undefined) {
      throw reader.error(
        `unknown speaker ${JSON.stringify(from)}`,
        `${path}.from`,
        `use one of ${Object.keys(shareGptRoles).join(', ')}`,
      );
    }
    const text = reader.need(turnFields, 'value', `${path}.value`);
    if (from === 'function_call') return { role, content: null, tool_calls: toolCalls(reader, text, `${path}.value`) };
    const content = filled ? reader.filledText(text, `${path}.value`) : reader.text(text, `${path}.value`);
    return { role, content };
  };
  const response = (key: 'chosen' | 'rejected'): Message[] => {
    const value = reader.need(fields, key, key);
    if (!Array.isArray(value)) return [turn(value, key, true)];
    return reader.list(value, key).map((item, index) => turn(item, `${key}[${index}]`, true));
  };
  const conversations = reader
    .list(reader.need(fields, 'conversations', 'conversations'), 'conversations')
    .map((item, index) => turn(item, `conversations[${index}]`, false));
  const system = fields['system'];
  const hasSystem = system !== undefined && system !== null && system !== '';
  const prompt = hasSystem
    ? [{ role: 'system', content: reader.text(system, 'system') }, ...conversations]
    : conversations;
  return {
    kind: 'messages',
    prompt,
    chosen: response('chosen'),
    rejected: response('rejected'),
    ...reader.tools(fields['tools'], 'tools'),
  };
}

/** LLaMA-Factory's tool calls, the JSON text of one call or a list of them, as chat templates know them. */
function toolCalls(reader: RowReader, value: unknown, path: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(reader.filledText(value, path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw reader.error(`field "${path}" is a tool call, but not JSON`, path, 'write {"name": …, "arguments": {…}}');
  }
  const calls = Array.isArray(parsed) ? reader.list(parsed, path) : [parsed];
  return calls.map((call) => {
    const fields = reader.object(call, path);
    const name = reader.filledText(reader.need(fields, 'name', `${path}.name`), `${path}.name`);
    return { type: 'function', function: { name, arguments: fields['arguments'] ?? {} } };
  });
}

function readOpenAi(reader: RowReader): MessagePair {
  const { fields } = reader;
  const input = reader.object(reader.need(fields, 'input', 'input'), 'input');
  return {
    kind: 'messages',
    prompt: reader.messages(reader.need(input, 'messages', 'input.messages'), 'input.messages', false),
    chosen: reader.messages(reader.need(fields, 'preferred_output', 'preferred_output'), 'preferred_output', true),
    rejected: reader.messages(
      reader.need(fields, 'non_preferred_output', 'non_preferred_output'),
      'non_preferred_output',
      true,
    ),
    ...reader.tools(input['tools'], 'input.tools'),
  };
}
