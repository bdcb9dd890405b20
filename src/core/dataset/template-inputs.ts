import { parseExact } from '../exact-json/index.js';
import { isFields, type Fields, type RowReader } from './fields.js';
import type { Message, MessagePair } from './types.js';

/** What a chat template gets besides messages. */
export type TemplateInputs = Pick<MessagePair, 'tools' | 'documents' | 'chatTemplateKwargs'>;

/** Names of a message's reasoning, the one that templates read first. */
const reasoningNames = ['reasoning_content', 'thinking', 'reasoning'] as const;

/**
 * A message as transformers 5.23 gives it to a chat template (`apply_chat_template`, `_alias_reasoning_fields`): a field
 * that is null is not there, and its reasoning has all the names that templates read it by.
 */
export function templateMessage(fields: Fields): Message {
  const message = withoutNulls(fields);
  const name = reasoningNames.find((candidate) => Object.hasOwn(message, candidate));
  if (name === undefined) return message as Message;
  const reasoning = message[name];
  return { thinking: reasoning, ...message, reasoning_content: reasoning } as unknown as Message;
}

/** Fields that are null, and those alone, are left out. */
export function withoutNulls(fields: Fields): Fields {
  for (const name of Object.keys(fields)) {
    if (fields[name] === null) return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  }
  return fields;
}

/**
 * Reads `tools`, `documents` and `chat_template_kwargs` of a row, lists and objects or their JSON text. As in TRL, tools
 * among the arguments go before those of the row; documents are the arguments', else the row's.
 *
 * @param tools those that stand elsewhere
 * @param emptyTools whether an empty list is given to the template, as TRL does, or is the same as none
 */
export function readTemplateInputs(
  reader: RowReader,
  { tools, emptyTools = false }: { readonly tools?: TemplateInputs['tools']; readonly emptyTools?: boolean } = {},
): TemplateInputs {
  const { fields } = reader;
  const own = readTools(reader, fields['tools'], 'tools');
  const { given, variables } = readArguments(reader, fields['chat_template_kwargs']);
  const path = (name: string): string => `chat_template_kwargs.${name}`;
  const all = Object.hasOwn(given, 'tools') ? readTools(reader, given['tools'], path('tools')) : (own ?? tools);
  const documents = Object.hasOwn(given, 'documents')
    ? readDocuments(reader, given['documents'], path('documents'))
    : rowDocuments(fields['documents']);
  for (const [name, value] of [['tools', all], ['documents', documents], ['chat_template_kwargs', variables]] as const) {
    checkTexts(reader, value, name);
  }
  return {
    ...(all === undefined || (all.length === 0 && !emptyTools) ? {} : { tools: all }),
    ...(documents === undefined ? {} : { documents }),
    ...(Object.keys(variables).length === 0 ? {} : { chatTemplateKwargs: variables }),
  };
}

/** Tool descriptions: a list, or the JSON text of one. */
export function readTools(reader: RowReader, value: unknown, path: string): readonly unknown[] | undefined {
  const list = fromText(reader, value, path, 'give a list of tool descriptions');
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw reader.wrongType(list, path, 'a list');
  list.forEach((tool: unknown, index) => reader.object(tool, `${path}[${index}]`));
  return list;
}

function readDocuments(reader: RowReader, value: unknown, path: string): readonly unknown[] | undefined {
  const list = fromText(reader, value, path, 'give a list of documents, each with title and text');
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw reader.wrongType(list, path, 'a list');
  list.forEach((document: unknown, index) => reader.object(document, `${path}[${index}]`));
  return list;
}

/** A column `documents` that holds none, such as a list of file names, is a column like any other. */
function rowDocuments(value: unknown): readonly unknown[] | undefined {
  let list = value;
  if (typeof value === 'string') {
    try {
      list = parseExact(value);
    } catch {
      return undefined;
    }
  }
  return Array.isArray(list) && list.length > 0 && list.every(isFields) ? list : undefined;
}

/** Of `apply_chat_template`, not of the template: nobody means to set them for a row. */
const notVariables: ReadonlySet<string> = new Set([
  ...['conversation', 'conversations', 'messages', 'chat_template', 'add_generation_prompt', 'continue_final_message'],
  ...['tokenize', 'sanitize_control_tokens', 'padding', 'truncation', 'max_length', 'return_tensors', 'return_dict'],
  ...['return_assistant_tokens_mask', 'tokenizer_kwargs', 'processing_class', 'input', 'self'],
]);

function readArguments(reader: RowReader, value: unknown): { readonly given: Fields; readonly variables: Fields } {
  const path = 'chat_template_kwargs';
  const given = fromText(reader, value, path, 'give an object, such as {"enable_thinking": false}');
  if (given === undefined) return { given: {}, variables: {} };
  const fields = reader.object(given, path);
  const wrong = Object.keys(fields).find((name) => notVariables.has(name));
  if (wrong !== undefined) {
    const what = `"${wrong}" is no variable of a chat template, but an argument of the function that renders it`;
    throw reader.error(what, `${path}.${wrong}`, 'remove it; the template is chosen with --chat-template');
  }
  const variables = Object.entries(fields).filter(([name]) => name !== 'tools' && name !== 'documents');
  return { given: fields, variables: Object.fromEntries(variables) };
}

/** A value, or what its JSON text holds; undefined for null and empty text. */
function fromText(reader: RowReader, value: unknown, path: string, advice: string): unknown {
  let found = value;
  if (typeof value === 'string') {
    if (value.trim() === '') return undefined;
    try {
      found = parseExact(value);
    } catch {
      throw reader.error(`field "${path}" is text, but not JSON`, path, advice);
    }
  }
  return found ?? undefined;
}

/** Deeper than templates and Python's readers of JSON go. */
const deepest = 400;

/** Holds every text in a value to be whole characters, as the texts of messages are, and the value not to be nested too deeply. */
export function checkTexts(reader: RowReader, value: unknown, path: string, depth = 0): void {
  if (typeof value === 'string') {
    reader.text(value, path);
    return;
  }
  if (typeof value !== 'object' || value === null || value instanceof Number) return;
  if (depth > deepest) throw reader.error(`nested more than ${deepest} deep`, path, 'write it flatter, or remove it');
  for (const item of Object.values(value)) checkTexts(reader, item, path, depth + 1);
}
