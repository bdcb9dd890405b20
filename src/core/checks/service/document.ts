import { rowsOfBadBytes } from '../bytes.js';
import { type CheckedRows, PreferenceChecker, reportOn, SLICE_OF_TIME, type Surroundings } from '../checker.js';
import { OWN_BATCH } from '../../work/batches.js';
import type { PromptIndex } from '../leakage.js';
import { ProblemList } from '../problem-list.js';
import type { RowCheck } from '../row.js';
import type { Finding } from '../types.js';
import type { CheckOptions, DocumentReport, TextEdit, Trouble } from './messages.js';
import type { OtherFiles } from './other-files.js';
import type { TokenizerShelf } from '../tokenizer-shelf.js';
import { TokenSource, troubleOf } from './token-source.js';

/** Milliseconds between reports while tokens are counted: the first soon, every one after a longer wait. */
const FIRST_REPORT = 500;
const LONGEST_WAIT = 8000;

const noFile = (error: unknown): void => {
  // A file that is gone has no bytes to look at; the document is still there.
  if ((error as NodeJS.ErrnoException).code === undefined) throw error;
};

/** A document that is open: its text, and what is known about it. */
export class CheckedDocument {
  #text: string;
  #version: number;
  readonly #file: string | undefined;
  #options: CheckOptions;
  readonly #shared: { readonly tokenizers: TokenizerShelf; readonly others: OtherFiles };
  readonly #tell: {
    readonly report: (report: DocumentReport) => void;
    /** The text is looked at from now on, with a model or without. */
    readonly at: (model: string | undefined) => void;
  };
  readonly #checker: PreferenceChecker;
  #abort = new AbortController();
  #badBytes: ReadonlySet<string> = new Set();
  /** Version of the text that is on disk, as far as it is known. */
  #savedVersion: number;
  #looksAtBytes = true;
  #prompts: readonly PromptIndex[] = [];
  #tokens: TokenSource | undefined;

  constructor(
    text: string,
    version: number,
    file: string | undefined,
    isJsonFile: boolean,
    options: CheckOptions,
    shared: { readonly tokenizers: TokenizerShelf; readonly others: OtherFiles },
    tell: {
      readonly report: (report: DocumentReport) => void;
      /** The text is looked at from now on, with a model or without. */
      readonly at: (model: string | undefined) => void;
    },
  ) {
    this.#text = text;
    this.#version = version;
    this.#file = file;
    this.#options = options;
    this.#shared = shared;
    this.#tell = tell;
    this.#checker = new PreferenceChecker(isJsonFile);
    this.#savedVersion = version;
  }

  /** UTF-16 units of the text. */
  get length(): number {
    return this.#text.length;
  }

  edit(version: number, edits: readonly TextEdit[]): void {
    this.#version = version;
    for (const { offset, length, text } of edits) {
      this.#text = this.#text.slice(0, offset) + text + this.#text.slice(offset + length);
    }
  }

  /** Takes other options; a check has to be asked for. */
  setOptions(options: CheckOptions): void {
    this.#options = options;
  }

  saved(): void {
    this.#savedVersion = this.#version;
    this.#looksAtBytes = true;
  }

  close(): void {
    this.#abort.abort();
  }

  /**
   * Checks the text as it is now, and ends the check before. Reports once with what the text itself tells, and again
   * with what other files and the tokenizer tell.
   */
  async check(): Promise<void> {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    const [text, version] = [this.#text, this.#version];
    this.#tell.at(undefined);
    const rows = await this.#checker.rows(text, signal);
    if (rows === undefined) return;
    let trouble: Trouble | undefined;
    const report = (): void => this.#report(rows, version, trouble);
    report();
    this.#tell.at(undefined);
    const isNews = await this.#lookAround();
    if (signal.aborted) return;
    if (isNews) report();
    try {
      await this.#countTokens(rows, signal, report);
    } catch (error) {
      trouble = troubleOf(error);
      this.#tokens = undefined;
      if (!signal.aborted) report();
    }
  }

  /** Looks at the file's bytes and at other files. @returns whether there is something new */
  async #lookAround(): Promise<boolean> {
    const file = this.#file;
    if (file === undefined) return false;
    let isNews = false;
    if (this.#looksAtBytes) {
      this.#looksAtBytes = false;
      const before = this.#badBytes;
      await rowsOfBadBytes(file).then((found) => (this.#badBytes = found), noFile);
      isNews = before.size > 0 || this.#badBytes.size > 0;
    }
    const prompts = await this.#shared.others.prompts(file, this.#options.evalFiles);
    isNews ||= prompts.length !== this.#prompts.length || prompts.some((index, at) => index !== this.#prompts[at]);
    this.#prompts = prompts;
    return isNews;
  }

  async #countTokens({ texts, checks }: CheckedRows, signal: AbortSignal, report: () => void): Promise<void> {
    const { model, maxLength } = this.#options;
    if (model === undefined) {
      const had = this.#tokens !== undefined;
      this.#tokens = undefined;
      if (had) report();
      return;
    }
    this.#tell.at(model);
    const tokenizer = await this.#shared.tokenizers.load(model);
    if (signal.aborted) return;
    this.#tell.at(model);
    const longest = Math.min(maxLength, tokenizer.maxPositions ?? Infinity);
    if (this.#tokens?.tokenizer !== tokenizer || this.#tokens.maxLength !== longest) {
      this.#tokens = new TokenSource(tokenizer, longest);
    }
    const tokens = this.#tokens;
    let wait = FIRST_REPORT;
    let reportAt = performance.now() + wait;
    let pauseAt = performance.now() + SLICE_OF_TIME;
    let batch: [RowCheck, string][] = [];
    let length = 0;
    for (const [index, check] of checks.entries()) {
      const text = texts[index] as string;
      if (!tokens.has(check)) {
        batch.push([check, text]);
        length += text.length;
      }
      if (batch.length === 0 || (length < OWN_BATCH && index < checks.length - 1)) continue;
      tokens.add(batch);
      [batch, length] = [[], 0];
      const now = performance.now();
      if (now < pauseAt) continue;
      await new Promise(setImmediate);
      if (signal.aborted) return;
      this.#tell.at(model);
      if (now >= reportAt) {
        report();
        wait = Math.min(2 * wait, LONGEST_WAIT);
        reportAt = performance.now() + wait;
      }
      pauseAt = performance.now() + SLICE_OF_TIME;
    }
    report();
  }

  #report(rows: CheckedRows, version: number, modelTrouble: Trouble | undefined): void {
    const [tokens, prompts, badBytes] = [this.#tokens, this.#prompts, this.#badBytes];
    const around: Surroundings = { prompts, badBytes, tokens: (check) => tokens?.known(check)?.problems ?? [] };
    const found = reportOn(rows, around);
    const list = new ProblemList();
    const encoding = this.#otherEncoding(rows);
    if (encoding !== undefined) {
      const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } };
      list.add({ ...encoding, range, row: undefined });
    }
    for (const problem of found.problems) list.add(problem);
    const { form, pairs, sources, onOwnLines } = found;
    const { more, problems, counts } = list;
    this.#tell.report({
      version,
      form,
      pairs,
      sources,
      onOwnLines,
      counts,
      rowsByCheck: list.rows,
      problems: more === undefined ? problems : [more, ...problems],
      rows: Uint32Array.from(found.rows.flatMap(({ start, end }) => [start, end])),
      tokens: tokens && {
        done: rows.checks.filter((check) => tokens.has(check)).length,
        total: rows.checks.length,
        sums: tokens.sums(rows.checks),
      },
      modelTrouble,
    });
  }

  /** The file's bytes are no UTF-8, but its rows read otherwise here: it was opened with another encoding. */
  #otherEncoding({ texts }: CheckedRows): Finding | undefined {
    const badBytes = this.#badBytes;
    if (badBytes.size === 0 || this.#version !== this.#savedVersion || texts.some((text) => badBytes.has(text))) {
      return undefined;
    }
    return {
      check: 'invalid-utf8',
      what: `the bytes of ${badBytes.size === 1 ? 'one line' : `${badBytes.size} lines`} of the file are not UTF-8, the encoding a run expects`,
      advice: 'save it with encoding UTF-8 (the encoding is on the right of the status bar)',
    };
  }
}
