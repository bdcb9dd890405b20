import { isAlias, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { WishboneError } from '../errors.js';

/** One setting of a YAML file. */
export interface YamlSetting {
  readonly name: string;
  readonly value: unknown;
  /** From 1. */
  readonly line: number;
}

/**
 * The settings of a YAML file that is one mapping.
 *
 * @param file named in errors; never opened
 * @throws WishboneError for text that is no YAML, or no mapping
 */
export function yamlSettings(text: string, file: string): readonly YamlSetting[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new WishboneError(
      `not valid YAML: ${error.message.split('\n')[0] as string}`,
      `${file}:${lines.linePos(error.pos[0]).line}`,
      'fix the file',
    );
  }
  if (!isMap(document.contents)) {
    throw new WishboneError('the YAML is not a list of settings', file, 'give a training config of TRL or LLaMA-Factory');
  }
  const found = document.contents.items.map(({ key, value }) => {
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
    const name = isScalar(key) ? String(key.value) : JSON.stringify(key);
    return { name, line, value: isScalar(value) && !isAlias(value) ? value.value : plain(value, document, file, line) };
  });
  // YAML 1.1, which Python reads, takes over what `<<` names, where the file does not say it itself.
  const own = new Set(found.map(({ name }) => name));
  return found.flatMap((setting) => {
    const mapping = setting.name === '<<' && typeof setting.value === 'object' && !Array.isArray(setting.value) ? setting.value : null;
    if (mapping === null) return [setting];
    const more = Object.entries(mapping).filter(([name]) => !own.has(name));
    return more.map(([name, value]) => ({ name, value: value as unknown, line: setting.line }));
  });
}

function plain(value: unknown, document: ReturnType<typeof parseDocument>, file: string, line: number): unknown {
  if (value === null || value === undefined) return null;
  try {
    // Aliases that multiply are refused by the library.
    return (value as { toJS(document: unknown, options: object): unknown }).toJS(document, { maxAliasCount: 100 });
  } catch (error) {
    throw new WishboneError(`not valid YAML: ${(error as Error).message}`, `${file}:${line}`, 'fix the file');
  }
}
