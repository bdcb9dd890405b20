import { parseExact } from '../exact-json/index.js';
import { extractMessagePrompt } from './extract-prompt.js';
import type { Fields, RowReader } from './fields.js';
import type { PairingOptions } from './pairing.js';
import { pairSides, type RowPairs } from './responses.js';
import { readTemplateInputs, readTools } from './template-inputs.js';
import type { Message, MessagePair } from './types.js';

/** How ShareGPT turns are written: names of a turn's fields, and of the speakers (`tags` of a `dataset_info.json`). */
export interface ShareGptTags {
  readonly role: string;
  readonly content: string;
  /** Speakers and the roles that chat templates know. */
  readonly roles: Readonly<Record<string, string>>;
  /** The speaker whose content is tool calls as JSON. */
  readonly functionCall: string;
}

/** LLaMA-Factory's names, and those of roles. */
export const DEFAULT_TAGS: ShareGptTags = {
  role: 'from',
  content: 'value',
  roles: {
    human: 'user',
    user: 'user',
    gpt: 'assistant',
    assistant: 'assistant',
    system: 'system',
    observation: 'tool',
    tool: 'tool',
    function_call: 'assistant',
  },
  functionCall: 'function_call',
};

/**
 * Rows of LLaMA-Factory's Alpaca preference sets: `instruction` and `input` (joined by a line break) after a `history`
 * of pairs; `chosen` and `rejected` are the assistant's.
 */
export function readAlpaca(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const instruction = reader.text(reader.need(fields, 'instruction', 'instruction'), 'instruction');
  const input = isAbsent(fields['input']) ? '' : reader.text(fields['input'], 'input');
  const query = [instruction, input].filter((part) => part !== '').join('\n');
  if (query.trim() === '') reader.blank('instruction', instruction);
  const prompt = [...system(reader), ...history(reader), { role: 'user', content: query }];
  const inputs = readTemplateInputs(reader);
  const pair = (chosen: readonly Message[], rejected: readonly Message[]): MessagePair => {
    return { kind: 'messages', prompt, chosen, rejected, ...inputs };
  };
  const said = (content: string): Message[] => [{ role: 'assistant', content }];
  return pairSides(reader, options, undefined, true, {
    text: (chosen, rejected) => pair(said(chosen.content), said(rejected.content)),
    messages: (chosen, rejected) => pair(chosen.content, rejected.content),
  });
}

function history(reader: RowReader): Message[] {
  const value = reader.fields['history'];
  if (isAbsent(value) || (Array.isArray(value) && value.length === 0)) return [];
  return reader.list(value, 'history').flatMap((item, index) => {
    const path = `history[${index}]`;
    const round = reader.list(item, path);
    if (round.length !== 2) {
      throw reader.error(`field "${path}" has ${round.length} entries`, path, 'give a question and its answer: two texts');
    }
    return ['user', 'assistant'].map((role, side) => {
      return { role, content: reader.text(round[side], `${path}[${side}]`) };
    });
  });
}

function system(reader: RowReader): Message[] {
  const value = reader.fields['system'];
  return isAbsent(value) ? [] : [{ role: 'system', content: reader.text(value, 'system') }];
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/**
 * ShareGPT preference rows: `conversations` and one turn, or several, in `chosen` and `rejected`. A system turn goes before
 * a field `system`.
 */
export function readShareGpt(reader: RowReader, tags: ShareGptTags = DEFAULT_TAGS): MessagePair {
  const { fields } = reader;
  const turn = (value: unknown, path: string, filled: boolean): Message => {
    const turnFields = reader.object(value, path);
    const rolePath = `${path}.${tags.role}`;
    const contentPath = `${path}.${tags.content}`;
    const from = reader.text(reader.need(turnFields, tags.role, rolePath), rolePath);
    const role = Object.hasOwn(tags.roles, from) ? tags.roles[from] : undefined;
    if (role === undefined) {
      throw reader.error(`unknown speaker ${JSON.stringify(from)}`, rolePath, `use one of ${Object.keys(tags.roles).join(', ')}`);
    }
    // As OpenAI writes messages, they may hold tool calls.
    if (tags.role === 'role' && tags.content === 'content' && from !== tags.functionCall) {
      return { ...reader.message(value, path, filled), role };
    }
    const text = reader.need(turnFields, tags.content, contentPath);
    if (from === tags.functionCall) return { role, tool_calls: toolCalls(reader, text, contentPath) };
    const content = filled ? reader.filledText(text, contentPath) : reader.text(text, contentPath);
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
  return {
    kind: 'messages',
    prompt: conversations[0]?.role === 'system' ? conversations : [...system(reader), ...conversations],
    chosen: response('chosen'),
    rejected: response('rejected'),
    ...readTemplateInputs(reader),
  };
}

/** LLaMA-Factory's tool calls, the JSON text of one call or a list of them, as chat templates know them. */
export function toolCalls(reader: RowReader, value: unknown, path: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = parseExact(reader.filledText(value, path));
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

/**
 * LLaMA-Factory's v1 samples: whole conversations in `chosen_messages` and `rejected_messages`, a message's content a
 * list of parts with `type` and `value`. What both have in common at the start is the prompt.
 */
export function readV1(reader: RowReader): MessagePair {
  const { fields } = reader;
  const tools: unknown[] = [];
  const side = (name: 'chosen_messages' | 'rejected_messages'): Message[] =>
    reader
      .list(reader.need(fields, name, name), name)
      .map((item, index) => v1Message(reader, reader.object(item, `${name}[${index}]`), `${name}[${index}]`, tools));
  const [chosen, rejected] = [side('chosen_messages'), side('rejected_messages')];
  const split = extractMessagePrompt(chosen, rejected);
  if (split.prompt.length === 0) {
    throw reader.error(
      'chosen_messages and rejected_messages have no message in common, so there is no prompt',
      'chosen_messages',
      'begin both lists with the same messages',
    );
  }
  const responses = [
    ['chosen_messages', split.chosen],
    ['rejected_messages', split.rejected],
  ] as const;
  for (const [name, response] of responses) {
    response.forEach(({ content, tool_calls: calls }, index) => {
      const path = `${name}[${split.prompt.length + index}].content`;
      if ((content ?? '').trim() === '' && calls === undefined) reader.blank(path, content ?? '');
    });
  }
  return { kind: 'messages', ...split, ...readTemplateInputs(reader, { tools }) };
}

/** @param tools gets the tool descriptions that stand in a message */
function v1Message(reader: RowReader, fields: Fields, path: string, tools: unknown[]): Message {
  const role = reader.filledText(reader.need(fields, 'role', `${path}.role`), `${path}.role`);
  const parts = reader.need(fields, 'content', `${path}.content`);
  if (typeof parts === 'string') return { role, content: reader.text(parts, `${path}.content`) };
  let [content, reasoning] = ['', ''];
  const calls: unknown[] = [];
  reader.list(parts, `${path}.content`).forEach((item, index) => {
    const partPath = `${path}.content[${index}]`;
    const part = reader.object(item, partPath);
    const type = reader.text(reader.need(part, 'type', `${partPath}.type`), `${partPath}.type`);
    const valuePath = `${partPath}.value`;
    const value = reader.need(part, 'value', valuePath);
    switch (type) {
      case 'text':
        content += reader.text(value, valuePath);
        break;
      case 'reasoning':
        reasoning += reader.text(value, valuePath);
        break;
      case 'tool_call':
      case 'tool_calls':
        calls.push(...toolCalls(reader, value, valuePath));
        break;
      case 'tools':
        // Both conversations begin with the same ones.
        tools.splice(0, tools.length, ...(readTools(reader, value, valuePath) ?? []));
        break;
      default:
        throw reader.error(
          `a part of type ${JSON.stringify(type)}, but only text can be trained on`,
          `${partPath}.type`,
          'remove parts whose type is not text, reasoning, tools or tool_call',
        );
    }
  });
  return {
    role,
    ...(content === '' && calls.length > 0 ? {} : { content }),
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}
