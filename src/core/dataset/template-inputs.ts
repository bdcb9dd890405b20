import { parseExact } from '../exact-json/index.js';
import { checkTexts } from './check-texts.js';
import { isFields, peek, type Fields, type RowReader } from './fields.js';
import type { MessagePair } from './types.js';

/** What a chat template gets besides messages. */
export type TemplateInputs = Pick<MessagePair, 'tools' | 'documents' | 'chatTemplateKwargs'>;

/**
 * Reads `tools`, `documents` and `chat_template_kwargs` of a row, lists and objects or their JSON text.
 *
 * @param tools those that stand elsewhere; the row's own go before
 * @param emptyTools whether an empty list is given to the template, as TRL does, or is the same as none
 */
export function readTemplateInputs(
  reader: RowReader,
  { tools, emptyTools = false }: { readonly tools?: TemplateInputs['tools']; readonly emptyTools?: boolean } = {},
): TemplateInputs {
  const all = readTools(reader, reader.fields['tools'], 'tools') ?? tools;
  const documents = readDocuments(reader);
  const chatTemplateKwargs = readKwargs(reader);
  return {
    ...(all === undefined || (all.length === 0 && !emptyTools) ? {} : { tools: all }),
    ...(documents === undefined ? {} : { documents }),
    ...(chatTemplateKwargs === undefined ? {} : { chatTemplateKwargs }),
  };
}

/** Tool descriptions: a list, or the JSON text of one. */
export function readTools(reader: RowReader, value: unknown, path: string): readonly unknown[] | undefined {
  const list = fromText(reader, value, path, 'give a list of tool descriptions');
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw reader.wrongType(list, path, 'a list');
  list.forEach((tool: unknown, index) => reader.object(tool, `${path}[${index}]`));
  checkTexts(reader, list, path);
  return list;
}

/** A column of the name that holds something else, such as a list of file names, is a column like any other. */
function readDocuments(reader: RowReader): readonly unknown[] | undefined {
  let list = peek(reader.fields, 'documents');
  if (typeof list === 'string') {
    try {
      list = parseExact(list);
    } catch {
      return undefined;
    }
  }
  if (!Array.isArray(list) || list.length === 0 || !list.every(isFields)) return undefined;
  // Counts as read.
  void reader.fields['documents'];
  checkTexts(reader, list, 'documents');
  return list;
}

function readKwargs(reader: RowReader): Fields | undefined {
  const path = 'chat_template_kwargs';
  const given = fromText(reader, reader.fields[path], path, 'give an object, such as {"enable_thinking": false}');
  if (given === undefined) return undefined;
  const kwargs = reader.object(given, path);
  checkTexts(reader, kwargs, path);
  return Object.keys(kwargs).length === 0 ? undefined : kwargs;
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
