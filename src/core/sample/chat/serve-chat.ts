import { tokenText } from '../../inspect/texts.js';
import { ModelTokenizer } from '../../tokenizer/index.js';
import { type Channel, serve } from '../../transport/index.js';
import { endTokens } from '../models.js';
import { promptOf } from '../prompts.js';
import { evaluationPrompts } from './evaluation-prompts.js';
import type { ChatCalls, EvaluationPrompt, ListedPrompt, Reader, ShownToken } from './messages.js';

/** Tokens of a prompt, and of an answer, that are shown at most. */
const MOST_SHOWN = 2_000;
/** Characters of a prompt in a list. */
const LISTED_LENGTH = 200;

interface Opened {
  readonly tokenizer: ModelTokenizer;
  readonly ends: readonly number[];
}

/** Reads and writes text for the models of a chat. Tokenizers and evaluation sets stay in memory. */
export function serveChat(channel: Channel): void {
  const readers = new Map<string, Promise<Opened>>();
  const sets = new Map<string, Promise<EvaluationPrompt[]>>();
  const open = ({ folder, template }: Reader): Promise<Opened> =>
    remembered(readers, `${template} ${folder}`, async () => ({
      tokenizer: await ModelTokenizer.load(folder, template),
      ends: await endTokens(folder),
    }));
  const setOf = (run: string): Promise<EvaluationPrompt[]> => remembered(sets, run, () => evaluationPrompts(run));

  serve<ChatCalls>(channel, {
    prompt: async ({ reader, said }) => {
      const { tokenizer, ends } = await open(reader);
      return { tokens: promptOf(tokenizer, said, reader.folder).tokens, ends };
    },
    decode: async ({ reader, tokens }) => {
      const { tokenizer, ends } = await open(reader);
      const text = tokenizer.decode(ends.includes(tokens.at(-1) ?? -1) ? tokens.slice(0, -1) : tokens);
      return text.replace(/\uFFFD+$/, '');
    },
    tokens: async ({ reader, said, answer }) => {
      const { tokenizer } = await open(reader);
      const { text, tokens } = promptOf(tokenizer, said, reader.folder);
      const { added } = tokenizer.description;
      const shown = (id: number): ShownToken => ({
        id,
        text: tokenText(tokenizer, id),
        special: added.get(id)?.special === true,
      });
      return {
        text: tokens.length > MOST_SHOWN ? tokenizer.decode(tokens.slice(-MOST_SHOWN)) : text,
        prompt: tokens.slice(-MOST_SHOWN).map(shown),
        answer: answer.slice(0, MOST_SHOWN).map(shown),
        promptTokens: tokens.length,
        answerTokens: answer.length,
      };
    },
    evaluation: async (run) => (await setOf(run)).length,
    evaluationPrompt: async ({ run, index }) => {
      const found = (await setOf(run))[index];
      if (found === undefined) throw new Error(`there is no prompt ${index}`);
      return found;
    },
    evaluationList: async (run) => (await setOf(run)).map(({ prompt }) => listed(prompt)),
  });
}

function listed(prompt: string): ListedPrompt {
  const lines = prompt.split('\n').map((line) => line.trim());
  const end = lines.filter((line) => /\S\s+\S/.test(line)).at(-1) ?? '';
  return { start: prompt.slice(0, LISTED_LENGTH), end: end.slice(0, LISTED_LENGTH) };
}

/** What failed is tried again the next time. */
function remembered<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}
