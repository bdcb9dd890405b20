import { ModelTokenizer } from '../tokenizer/index.js';
import { ollamaTemplate, type OllamaTemplate } from './ollama-template.js';

/**
 * The chat template of a model folder, as a Modelfile has it.
 *
 * @throws WishboneError when the tokenizer cannot be read
 */
export async function ollamaChat(folder: string): Promise<OllamaTemplate> {
  const tokenizer = await ModelTokenizer.load(folder);
  const { templates } = tokenizer.description;
  if (templates?.get('default') === undefined) return { template: undefined, notes: [] };
  const specialTokens = tokenizer.specialTokenTexts;
  const { bos_token: bos = '' } = specialTokens;
  // As the GGUF file says of its tokenizer.
  const isPutBefore = bos !== '' && tokenizer.encode('', true)[0] === tokenizer.encode(bos, false)[0];
  return ollamaTemplate(
    (messages, addGenerationPrompt, now) => tokenizer.chatTemplate.render({ messages, addGenerationPrompt, specialTokens }, now),
    isPutBefore ? bos : undefined,
  );
}
