import { FALLBACK_TEMPLATES, type TemplateName } from './fallback-templates.js';
import { ModelTokenizer } from './tokenizer.js';

/**
 * The chat template that stands in for a model folder's own, as other programs have to have it to render the same text: where the
 * tokenizer puts no beginning of text before one, neither does the template, though the tokenizer may name such a token.
 *
 * @returns nothing for the folder's own
 * @throws WishboneError as ModelTokenizer.load
 */
export async function standInTemplate(folder: string, name: TemplateName): Promise<string | undefined> {
  if (name === 'model') return undefined;
  const { template } = FALLBACK_TEMPLATES[name];
  const { bos_token: bos = '' } = (await ModelTokenizer.load(folder, name)).specialTokenTexts;
  return bos === '' ? template.replace('{{ bos_token }}', '') : template;
}
