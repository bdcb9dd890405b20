import { applyEdits, modify } from 'jsonc-parser';
import type { OptionPath } from '../options/index.js';

/** A replacement in a text. */
export interface TextChange {
  readonly offset: number;
  readonly length: number;
  readonly content: string;
}

/**
 * What to change in the text of a run config so that an option has another value. All else stays as it is written,
 * comments too.
 */
export function optionChanges(text: string, option: OptionPath, value: string | number | boolean): TextChange[] {
  const indent = /^([ \t]+)"/m.exec(text)?.[1] ?? '  ';
  const formattingOptions = { insertSpaces: !indent.includes('\t'), tabSize: indent.length, eol: text.includes('\r\n') ? '\r\n' : '\n' };
  return modify(text, option.split('.'), value, { formattingOptions });
}

/** The text with the changes. */
export function changed(text: string, changes: readonly TextChange[]): string {
  return applyEdits(text, [...changes]);
}
