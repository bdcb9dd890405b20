import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlain } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import type { NamedTemplates } from './chat-template.js';
import type { TemplateText } from './template-error.js';

/** A chat template in a file of its own. */
export interface TemplateFile extends TemplateText {
  readonly name: string;
}

/**
 * `chat_template.jinja`, which is the template `default`, and those of `additional_chat_templates`, which are named as their
 * files (transformers' `_from_pretrained`).
 *
 * @throws WishboneError naming a file that cannot be read
 */
export async function readTemplateFiles(folder: string): Promise<TemplateFile[]> {
  const more = path.join(folder, 'additional_chat_templates');
  const names = (await unlessMissing(more, () => readdir(more))) ?? [];
  const files = [
    { name: 'default', file: path.join(folder, 'chat_template.jinja') },
    ...names
      .filter((name) => name.endsWith('.jinja'))
      .sort()
      .map((name) => ({ name: name.slice(0, -'.jinja'.length), file: path.join(more, name) })),
  ];
  const read = await Promise.all(
    files.map(async ({ name, file }) => {
      const bytes = await unlessMissing(file, () => readPlain(file, mostBytes.settings));
      return bytes === undefined ? [] : [{ name, file, text: decoded(bytes, file) }];
    }),
  );
  return read.flat();
}

/**
 * A model's templates: those in files where there is one, else those in `tokenizer_config.json`.
 *
 * @throws WishboneError when the config's are none
 */
export function chatTemplates(
  files: readonly TemplateFile[],
  config: Readonly<Record<string, unknown>>,
  configFile: string,
): NamedTemplates | undefined {
  if (files.length > 0) return new Map(files.map((template) => [template.name, template]));
  const value = config['chat_template'];
  if (value === undefined || value === null) return undefined;
  const file = `${configFile}, field "chat_template"`;
  const pairs = namesAndTexts(value);
  if (pairs?.every((pair): pair is [string, string] => pair.every((part) => typeof part === 'string'))) {
    return new Map(pairs.map(([name, text]) => [name, { text, file: pairs.length === 1 ? file : `${file}, "${name}"` }]));
  }
  throw new WishboneError(
    'field "chat_template" must be text, or a list of templates with "name" and "template"',
    file,
    'correct it, or put the template into chat_template.jinja',
  );
}

function namesAndTexts(value: unknown): [unknown, unknown][] | undefined {
  if (typeof value === 'string') return [['default', value]];
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return Object.entries(value);
  return value.map((item: { name?: unknown; template?: unknown } | null) => [item?.name, item?.template]);
}

/** As Python reads text: UTF-8 or not at all, and every kind of line end is one. */
function decoded(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r\n?/g, '\n');
  } catch {
    throw new WishboneError('the chat template is not UTF-8 text', file, 'save it as UTF-8');
  }
}
