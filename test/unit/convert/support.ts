import assert from 'node:assert/strict';
import path from 'node:path';
import { configProblems, parseConfigFile, type ConfigFile } from '../../../src/core/config-file/index.js';
import { convertConfig, type ConvertedConfig, type ConvertOptions } from '../../../src/core/convert/index.js';
import { WishboneError } from '../../../src/core/errors.js';

export const fixtures = path.resolve(import.meta.dirname, '../../fixtures/convert');

/** @param name of the file, which may say what it is for */
export function convertText(
  text: string,
  options: ConvertOptions = {},
  name = 'x.yaml',
): { readonly converted: ConvertedConfig; readonly config: ConfigFile } {
  const output = path.join(fixtures, 'x.wishbone.json');
  const converted = convertConfig(text, path.join(fixtures, name), output, options);
  // The result is always a config that can be used.
  assert.deepEqual(configProblems(converted.text, output), [], text);
  return { converted, config: parseConfigFile(converted.text, output) };
}

export function refusal(text: string, name?: string): WishboneError {
  try {
    convertText(text, {}, name);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  return assert.fail(`accepted: ${text}`);
}

/** A YAML file of settings; JSON's values are YAML's too. */
export function yaml(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join('\n');
}
