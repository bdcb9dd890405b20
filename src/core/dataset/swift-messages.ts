import type { Fields, RowReader } from './fields.js';
import { toolCalls } from './llama-factory.js';
import type { Message } from './types.js';

/** A conversation, and of each message where the row holds it. */
export interface SwiftMessages {
  readonly messages: readonly Message[];
  readonly paths: readonly string[];
  /** Paths of the assistant's messages that are not to be trained on, or with a weight of their own. */
  readonly weighted: ReadonlySet<string>;
}

/**
 * Messages as ms-swift writes them, as chat templates know them: a `tool_call` holds a call as JSON text and belongs to what the
 * assistant said before it, calls in a row are made at once; a `tool_response` is a tool's.
 *
 * @throws WishboneError naming file, line (or row) and field
 */
export function readSwiftMessages(reader: RowReader, value: unknown, path: string): SwiftMessages {
  const messages: Message[] = [];
  const paths: string[] = [];
  const weighted = new Set<string>();
  let canCall = false;
  reader.list(value, path).forEach((item, index) => {
    const own = `${path}[${index}]`;
    const fields = reader.object(item, own);
    const isCall = fields['role'] === 'tool_call';
    if (isCall && canCall) {
      const before = messages.pop() as Message;
      messages.push({ ...before, tool_calls: [...callsOf(before), ...readCalls(reader, fields, own)] });
    } else {
      messages.push(isCall ? { role: 'assistant', tool_calls: readCalls(reader, fields, own) } : readMessage(reader, item, own));
      paths.push(own);
    }
    canCall = isCall || fields['role'] === 'assistant';
    if (canCall && hasWeight(fields)) weighted.add(paths.at(-1) as string);
  });
  return { messages, paths, weighted };
}

function readCalls(reader: RowReader, fields: Fields, path: string): unknown[] {
  return toolCalls(reader, reader.need(fields, 'content', `${path}.content`), `${path}.content`);
}

function callsOf({ tool_calls: calls }: Message): readonly unknown[] {
  return Array.isArray(calls) ? (calls as unknown[]) : [];
}

function readMessage(reader: RowReader, item: unknown, path: string): Message {
  const { loss: _, ...message } = reader.message(item, path, false);
  return { ...message, role: message.role === 'tool_response' ? 'tool' : message.role };
}

function hasWeight({ loss }: Fields): boolean {
  return loss !== undefined && loss !== null && loss !== true && Number(loss) !== 1;
}
