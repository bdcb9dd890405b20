import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { OnigScanner } from 'vscode-oniguruma';
import type { Span } from '../pipeline/normalized-string.js';
import { MATCHING, PatternError, type Pattern } from './pattern.js';
import { asksCategoriesOnly, firstNewer, withOlder } from './stand-ins.js';

type Oniguruma = typeof import('vscode-oniguruma');

/** `ONIG_OPTION_NONE`; the package's own default would number groups in another way. */
const NONE = [1];
/**
 * Where the search began (`\\G`) is not always the same here, and what a cluster or a word is (`\\X`, `\\y`) is younger than
 * this package's Unicode. `(?P:…)` and its like change what classes of POSIX mean.
 */
const NOT_EXACT = /\\[GXyY]|\(\?[a-zA-Z-]*[PWDSy][a-zA-Z{}-]*[:)]/;

/** Writes out what 6.9.10 means by `[:punct:]`: signs too. */
function asIn6910(source: string): string {
  return source.replace(/\[:(\^?)punct:\]/g, (_, not: string) => (not === '' ? '\\p{P}\\p{S}' : '[^\\p{P}\\p{S}]'));
}

/** Matching that took less cannot have met Oniguruma's limit of ten million steps back. Milliseconds. */
const CERTAINLY_WITHIN_LIMIT = 2;

let loading: Promise<Oniguruma> | undefined;
let loaded: Oniguruma | undefined;

/** Makes Oniguruma ready. It is loaded once for a thread, when a tokenizer first needs it. */
export function loadOniguruma(): Promise<Oniguruma> {
  return (loading ??= load());
}

async function load(): Promise<Oniguruma> {
  const module = await import('vscode-oniguruma');
  // CommonJS: as ES module it has one export, `default`.
  const library = (module as unknown as { default?: Oniguruma }).default ?? module;
  await library.loadWASM({ data: await readFile(wasmFile()), print: () => undefined });
  return (loaded = library);
}

function wasmFile(): string {
  const bundled = ['./lib/onig.wasm', '../lib/onig.wasm']
    .map((file) => fileURLToPath(new URL(file, import.meta.url)))
    .find((file) => existsSync(file));
  return bundled ?? createRequire(import.meta.url).resolve('vscode-oniguruma/release/onig.wasm');
}

/** A pattern that Oniguruma itself matches, as it does inside the Rust library. */
export class OnigurumaPattern implements Pattern {
  /** The pattern as this version of Oniguruma is to have it. */
  readonly #expression: string;
  readonly #scanner: OnigScanner;
  /** Whether what characters are plays a part. */
  readonly #asksUnicode: boolean;
  readonly #asksCategories: boolean;
  #checker: OnigScanner | undefined;

  /** @throws PatternError when it cannot be compiled, or `loadOniguruma` was not awaited */
  constructor(readonly source: string) {
    if (!loaded) throw new Error('Oniguruma is not loaded');
    const other = NOT_EXACT.exec(source)?.[0];
    if (other !== undefined) throw new PatternError(`the pattern ${source} has ${other}, which cannot be reproduced exactly`);
    this.#expression = asIn6910(source);
    this.#asksUnicode = /\\[pPwWdDbB]|\[:|\(\?[a-zA-Z-]*i/.test(this.#expression);
    this.#asksCategories = asksCategoriesOnly(this.#expression);
    try {
      this.#scanner = new loaded.OnigScanner([this.#expression], { options: NONE });
    } catch (error) {
      throw new PatternError(`the pattern ${source} cannot be read (${(error as Error).message.trim()})`);
    }
  }

  matches(text: string): Span[] {
    if (text === '') return [];
    MATCHING.source = this.source;
    const spans: Span[] = [];
    const string = new (loaded as Oniguruma).OnigString(this.#asUnicode14(text));
    try {
      let from = 0;
      let lastEnd: number | undefined;
      while (from <= text.length) {
        const found = this.#search(string, from);
        if (found === undefined) break;
        const { start, end } = found;
        // As the Rust binding: no empty match right after a match.
        if (start === end && lastEnd === end) {
          from += from < text.length ? String.fromCodePoint(text.codePointAt(from) as number).length : 1;
          continue;
        }
        spans.push(found);
        from = end;
        lastEnd = end;
      }
    } finally {
      string.dispose();
    }
    return spans;
  }

  /** The text as this package's Oniguruma can judge it. */
  #asUnicode14(text: string): string {
    const unknown = this.#asksUnicode ? firstNewer(text) : undefined;
    if (unknown === undefined) return text;
    const older = this.#asksCategories ? withOlder(text) : { unknown };
    if ('text' in older) return older.text;
    const point = (older.unknown.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
    throw new PatternError(`the pattern ${this.source} meets U+${point}, which is too new for its character classes`);
  }

  #search(string: InstanceType<Oniguruma['OnigString']>, from: number): Span | undefined {
    const began = performance.now();
    const [found] = this.#scanner.findNextMatchSync(string, from)?.captureIndices ?? [];
    if (found) return { start: found.start, end: found.end };
    // Oniguruma gives up after so many steps, which the package tells apart from no match in no way.
    if (performance.now() - began > CERTAINLY_WITHIN_LIMIT && this.#gaveUp(string, from)) {
      throw new PatternError(`the pattern ${this.source} takes too long on this text`);
    }
    return undefined;
  }

  /** Whether a search ended before the text's end: one that also takes the end finds nothing then. */
  #gaveUp(string: InstanceType<Oniguruma['OnigString']>, from: number): boolean {
    // After a comment of `(?x)` a line has to end before the pattern does.
    this.#checker ??= scannerOf(`(?:${this.#expression})|\\z`) ?? scannerOf(`(?:${this.#expression}\n)|\\z`);
    return this.#checker === undefined || this.#checker.findNextMatchSync(string, from) === null;
  }
}

/** Undefined for what is no pattern. */
function scannerOf(pattern: string): OnigScanner | undefined {
  try {
    return new (loaded as Oniguruma).OnigScanner([pattern], { options: NONE });
  } catch {
    return undefined;
  }
}
