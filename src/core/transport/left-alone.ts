import { statSync } from 'node:fs';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { ProcessEnded } from './process.js';

/** What of a model folder is read beside its weights. */
const OF_A_MODEL = [
  'tokenizer.json',
  'tokenizer_config.json',
  'config.json',
  'chat_template.jinja',
  'special_tokens_map.json',
  'added_tokens.json',
];

/**
 * What went wrong in a process that only read: a file in it has ended it, or would never have let it go.
 *
 * @param files that it was reading
 * @returns the error as it was, when it says no such thing
 */
export function readingEnded(error: unknown, files: readonly string[]): unknown {
  if (!(error instanceof ProcessEnded)) return error;
  const where = files.length === 0 ? 'the files that were read' : files.join(', ');
  const [what, code] =
    error.breach === 'busy'
      ? ['reading it has no end, and was stopped', ExitCode.badInput]
      : error.isOutOfMemory
        ? ['reading it takes more memory than it may have, and was stopped', ExitCode.outOfMemory]
        : [`reading it has ended the process that read it (${error.signal ?? `code ${error.code}`})`, ExitCode.badInput];
  return new WishboneError(what, where, 'it may be damaged, or made to do harm; it is left alone until it changes', code);
}

/** Files (or folders of models) that ended whoever read them. They are not read again before they change. */
export class LeftAlone {
  readonly #known = new Map<string, { readonly stamp: string; readonly error: WishboneError }>();

  note(files: readonly string[], error: WishboneError): void {
    this.#known.set(keyOf(files), { stamp: stampOf(files), error });
  }

  /** What is known against reading these files, as they are now. */
  problem(files: readonly string[]): WishboneError | undefined {
    const known = this.#known.get(keyOf(files));
    if (known === undefined || known.stamp === stampOf(files)) return known?.error;
    this.#known.delete(keyOf(files));
    return undefined;
  }
}

const keyOf = (files: readonly string[]): string => files.join('\0');

function stampOf(files: readonly string[]): string {
  return files.flatMap((file) => [file, ...OF_A_MODEL.map((name) => path.join(file, name))].map(stamp)).join();
}

function stamp(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return '';
  }
}
