import { extractMessagePrompt, extractTextPrompt } from './extract-prompt.js';
import { isFields, type Fields, type RowReader } from './fields.js';
import type { DatasetForm, Message, MessagePair, TextPair } from './types.js';

/** The form a row is written in, or undefined when it is none that we know. */
export function detectForm(fields: Fields): DatasetForm | undefined {
  if ('conversations' in fields) return 'sharegpt';
  if ('preferred_output' in fields || 'non_preferred_output' in fields || isFields(fields['input'])) return 'openai';
  if ('chosen' in fields || 'rejected' in fields) {
    if (!('prompt' in fields)) return 'trl-implicit';
    // Some sets repeat the prompt as text beside message lists that hold it; TRL ignores the text, and so do we.
    const repeated =
      typeof fields['prompt'] === 'string' && Array.isArray(fields['chosen']) && Array.isArray(fields['rejected']);
    return repeated ? 'trl-implicit' : 'trl-explicit';
  }
  return 'prompt' in fields ? 'trl-explicit' : undefined;
}

/** Reads a row as the given form. @throws WishboneError naming file, line and field */
export function readForm(form: DatasetForm, reader: RowReader): TextPair | MessagePair {
  switch (form) {
    case 'trl-explicit':
      return readExplicit(reader);
    case 'trl-implicit':
      return readImplicit(reader);
    case 'sharegpt':
      return readShareGpt(reader);
    case 'openai':
      return readOpenAi(reader);
  }
}

function readExplicit(reader: RowReader): TextPair | MessagePair {
  const { fields } = reader;
  const prompt = reader.need(fields, 'prompt', 'prompt');
  const chosen = reader.need(fields, 'chosen', 'chosen');
  const rejected = reader.need(fields, 'rejected', 'rejected');
  sameKind(reader, { prompt, chosen, rejected });
  if (typeof prompt === 'string') {
    return {
      kind: 'text',
      prompt: reader.text(prompt, 'prompt'),
      chosen: reader.filledText(chosen, 'chosen'),
      rejected: reader.filledText(rejected, 'rejected'),
    };
  }
  return {
    kind: 'messages',
    prompt: reader.messages(prompt, 'prompt', false),
    chosen: reader.messages(chosen, 'chosen', true),
    rejected: reader.messages(rejected, 'rejected', true),
    ...reader.tools(fields['tools'], 'tools'),
  };
}

function readImplicit(reader: RowReader): TextPair | MessagePair {
  const { fields } = reader;
  const chosen = reader.need(fields, 'chosen', 'chosen');
  const rejected = reader.need(fields, 'rejected', 'rejected');
  sameKind(reader, { chosen, rejected });
  if (typeof chosen === 'string') {
    return {
      kind: 'text',
      ...extractTextPrompt(reader.filledText(chosen, 'chosen'), reader.filledText(rejected, 'rejected')),
    };
  }
  const split = extractMessagePrompt(
    reader.messages(chosen, 'chosen', false),
    reader.messages(rejected, 'rejected', false),
  );
  if (split.prompt.length === 0) {
    throw reader.error(
      'chosen and rejected have no message in common, so there is no prompt',
      'chosen',
      'begin both lists with the same messages, or add a field "prompt"',
    );
  }
  for (const side of ['chosen', 'rejected'] as const) {
    split[side].forEach((message, index) => {
      const path = `${side}[${split.prompt.length + index}].content`;
      if (message.content !== null && message.content.trim() === '' && !message['tool_calls']) {
        reader.blank(path, message.content);
      }
    });
  }
  return { kind: 'messages', ...split, ...reader.tools(fields['tools'], 'tools') };
}

/** Text and message lists do not mix within a row: the first field decides. */
function sameKind(reader: RowReader, values: Readonly<Record<string, unknown>>): void {
  let wanted: string | undefined;
  for (const [path, value] of Object.entries(values)) {
    const kind = typeof value === 'string' ? 'text' : Array.isArray(value) ? 'a list of messages' : undefined;
    wanted ??= kind;
    if (kind === undefined || kind !== wanted) {
      throw reader.wrongType(value, path, wanted ?? 'text or a list of messages');
    }
  }
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
    const content = filled ? reader.filledText(text, `${path}.value`) : reader.text(text, `${path}.value`);
    return { role, content };
  };
  const response = (key: 'chosen' | 'rejected'): Message[] => {
    const value = reader.need(fields, key, key);
    if (!Array.isArray(value)) return [turn(value, key, true)];
    return reader.list(value, key).map((item, index) => turn(item, `${key}[${index}]`, true));
  };
  const conversations = reader
    .list(fields['conversations'], 'conversations')
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
