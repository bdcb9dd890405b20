import { ExitCode, WishboneError } from '../../errors.js';
import { mostBytes, readPlainText } from '../../files/plain-file.js';
import type { ChatMessage } from './messages.js';

const ROLES: readonly string[] = ['system', 'user', 'assistant'] satisfies ChatMessage['role'][];

/**
 * A conversation from a JSON file: a list of messages, `{"role": …, "content": …}`, that ends with a user's.
 *
 * @throws WishboneError naming the file and the message that is wrong
 */
export async function readConversation(file: string): Promise<ChatMessage[]> {
  const text = await readPlainText(file, mostBytes.json).catch((error: unknown) => {
    if (error instanceof WishboneError) throw error;
    throw new WishboneError(`cannot read the messages: ${(error as Error).message}`, file, 'check the path');
  });
  const advice = 'write a list of messages, each with "role" (system, user or assistant) and "content" (a text)';
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new WishboneError('not JSON', file, advice);
  }
  if (!Array.isArray(list) || list.length === 0) throw new WishboneError('not a list of messages', file, advice);
  const messages = list.map((each: unknown, index): ChatMessage => {
    const { role, content } = (each ?? {}) as Readonly<Record<string, unknown>>;
    const isMessage = typeof role === 'string' && ROLES.includes(role) && typeof content === 'string';
    if (!isMessage) throw new WishboneError('not a message', `${file}, message ${index + 1}`, advice);
    return { role: role as ChatMessage['role'], content };
  });
  if (messages.at(-1)?.role !== 'user') {
    throw new WishboneError(
      "the last message is not a user's, so there is nothing to answer",
      file,
      'end with a message of role "user"',
      ExitCode.badInput,
    );
  }
  return messages;
}
