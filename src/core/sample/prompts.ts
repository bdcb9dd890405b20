import path from 'node:path';
import { Dataset } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import type { Said } from './chat/messages.js';
import { PairTokenizer, type ModelTokenizer } from '../tokenizer/index.js';

/** A prompt as a model reads it. */
export interface Prompt {
  readonly text: string;
  readonly tokens: readonly number[];
}

/**
 * What is said, as the model reads it: a conversation as its chat template renders it, or a text as it is with the tokenizer's own
 * special tokens.
 *
 * @param folder of the tokenizer, for messages to people
 * @throws WishboneError when the model has no chat template, or its template refuses the messages
 */
export function promptOf(tokenizer: ModelTokenizer, said: Said, folder: string): Prompt {
  if (said.kind === 'text') {
    const tokens = tokenizer.encode(said.text, true);
    return { text: tokenizer.decode(tokens), tokens };
  }
  if (!tokenizer.hasChatTemplate) {
    throw new WishboneError('the model has no chat template', folder, 'have it continue the prompt as plain text');
  }
  const text = tokenizer.chatTemplate.render({
    messages: said.messages.map(({ role, content }) => ({ role, content })),
    addGenerationPrompt: true,
    specialTokens: tokenizer.specialTokenTexts,
  });
  return { text, tokens: tokenizer.encode(text, false) };
}

/**
 * The first different prompts of a preference file, exactly as training reads them.
 *
 * @throws WishboneError for what is wrong with the file before that many were found
 */
export async function datasetPrompts(
  tokenizer: ModelTokenizer,
  file: string,
  request: { readonly count: number; readonly vocabSize: number; readonly maxLength: number },
): Promise<Prompt[]> {
  const whole = path.resolve(file);
  const dataset = await Dataset.open(whole);
  const pairs = new PairTokenizer(tokenizer, { file: whole, vocabSize: request.vocabSize, maxLength: request.maxLength });
  const prompts = new Map<string, Prompt>();
  for await (const pair of dataset.pairs()) {
    const outcome = pairs.tokenize(pair);
    if (outcome.kind !== 'pair') continue;
    const tokens = Array.from(outcome.pair.chosen.subarray(0, outcome.pair.promptLength));
    prompts.set(tokens.join(), { text: tokenizer.decode(tokens), tokens });
    if (prompts.size === request.count) break;
  }
  if (prompts.size === 0) throw new WishboneError('the file has no prompt', whole, 'give a preference file with pairs');
  return [...prompts.values()];
}
