import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { cannotWrite, PRIVATE_FILE, PRIVATE_FOLDER } from '../files/atomic-file.js';
import { makeFolders } from '../files/make-folders.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import { claim } from '../run/process-claim.js';
import type { Completion, SamplingOptions } from '../sample/index.js';
import type { PromptSource } from './prompts.js';
import { bareUrl } from './endpoint.js';
import { QUESTION_VERSION } from './question.js';
import { type Judge, RULE_NAMES } from './request.js';
import type { Winner } from './rules.js';

/** Folder of a run's judged comparisons, a file each. */
const JUDGE_FOLDER = 'judge';

/** Whose text was shown first; of a rule, which sees both, and of equal texts, which nobody needs to see, there is no order. */
export type Order = 'first' | 'second' | 'none';

/** What a judge said of a prompt in one order. */
export interface Verdict {
  /** Null: its answer cannot be read. */
  readonly winner: Winner | null;
  /** The judge's own. */
  readonly words: string;
  /** Tokens as the endpoint counts them. */
  readonly input: number;
  readonly output: number;
  /** The answer ended at this limit, in tokens. */
  readonly cut?: number | undefined;
  /** It is from another comparison of the run, where it was asked for. */
  readonly reused?: boolean | undefined;
}

/** What an endpoint was asked for. Tokens are as it counts them. */
export interface Usage {
  readonly requests: number;
  readonly input: number;
  readonly output: number;
}

/** What judged, as a file names it. */
export type KeptJudge = Judge & { readonly question?: number | undefined };

/** The first line of a file: which comparison it is of. */
export interface JudgeHead {
  /** 12 hexadecimal digits; the file's name. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly first: { readonly label: string; readonly key: string };
  readonly second: { readonly label: string; readonly key: string };
  readonly sampling: SamplingOptions;
  readonly judge: KeptJudge;
  readonly prompts: PromptSource;
}

export const SIDES = ['first', 'second'] as const;
export type SideName = (typeof SIDES)[number];

/** A judged comparison as its file has it. */
export interface JudgeRecord {
  readonly file: string;
  readonly head: JudgeHead;
  /** By key, in the order in which they were asked for. */
  readonly prompts: Map<string, { readonly text: string; readonly tokens: number }>;
  /** By {@link lineKey} of a side and a prompt. */
  readonly completions: Map<string, Completion>;
  /** By {@link lineKey} of an order and a prompt. */
  readonly verdicts: Map<string, Verdict>;
  /** For all of it, what was replaced since included. */
  paid: Usage;
}

export const lineKey = (of: SideName | Order, prompt: string): string => `${of} ${prompt}`;

/** Files that are looked at for what is known already. */
const MOST_FILES = 100;
const MOST_BYTES = mostBytes.tokenizer;

/** The judge as a file names it: without what does not change verdicts, or is secret. */
export function keptJudge(judge: Judge): KeptJudge {
  if (judge.kind === 'endpoint') return { ...judge, url: bareUrl(judge.url), question: QUESTION_VERSION };
  return judge.rule === 'regex' ? judge : { kind: 'rule', rule: judge.rule };
}

/** What makes verdicts of two judges the same ones. The limit of an answer does not. */
export function judgeKey({ kind, ...others }: KeptJudge): string {
  return JSON.stringify([kind, ...Object.entries({ ...others, max_tokens: 0 }).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** What a completion depends on, beside its prompt. */
export const completionKey = (side: string, { max_new_tokens, temperature, top_p, seed }: SamplingOptions): string =>
  // Nothing is drawn at 0.
  JSON.stringify([side, max_new_tokens, temperature, ...(temperature === 0 ? [] : [top_p, seed])]);

export function comparisonId(head: Omit<JudgeHead, 'id' | 'created'>): string {
  const sides = [head.first, head.second].map(({ key }) => completionKey(key, head.sampling));
  const all = JSON.stringify([...sides, judgeKey(head.judge), head.prompts.from, head.prompts.sha256]);
  return createHash('sha256').update(all).digest('hex').slice(0, 12);
}

export const recordFile = (folder: string, id: string): string => path.join(folder, JUDGE_FOLDER, `${id}.jsonl`);

/**
 * Reads what a file has. Lines that are cut off or damaged are passed over.
 *
 * @returns undefined when there is none
 * @throws WishboneError when it is no such file
 */
export async function readRecord(file: string): Promise<JudgeRecord | undefined> {
  const text = await unlessMissing(file, () => readPlainText(file, MOST_BYTES));
  if (text === undefined || text === '') return undefined;
  const lines = text.split('\n');
  const head = headOf(parsed(lines[0]!));
  if (head === undefined) {
    const advice = 'move the file away; what it has is asked for again then';
    throw new WishboneError('the file is no record of judged completions, or of a newer Wishbone', file, advice);
  }
  const record = emptyRecord(file, head);
  for (const line of lines.slice(1)) take(record, parsed(line));
  return record;
}

function emptyRecord(file: string, head: JudgeHead): JudgeRecord {
  return { file, head, prompts: new Map(), completions: new Map(), verdicts: new Map(), paid: { requests: 0, input: 0, output: 0 } };
}

/** All of a run, the newest first; files that cannot be read are left out. */
export async function readRecords(folder: string): Promise<JudgeRecord[]> {
  const own = path.join(folder, JUDGE_FOLDER);
  const names = (await unlessMissing(own, () => readdir(own))) ?? [];
  const records: JudgeRecord[] = [];
  for (const name of names.filter((each) => /^[0-9a-f]{12}\.jsonl$/.test(each)).slice(0, MOST_FILES)) {
    const record = await readRecord(path.join(own, name)).catch(() => undefined);
    if (record !== undefined) records.push(record);
  }
  return records.sort((a, b) => (a.head.created < b.head.created ? 1 : -1));
}

/** Appends to a record, and to its file. One process at a time has it. */
export class RecordWriter {
  #handle: FileHandle;
  #release: () => Promise<void>;

  private constructor(
    readonly record: JudgeRecord,
    handle: FileHandle,
    release: () => Promise<void>,
  ) {
    this.#handle = handle;
    this.#release = release;
  }

  /**
   * @param folder of the run
   * @throws WishboneError when another process has it, or it cannot be written
   */
  static async open(folder: string, head: JudgeHead): Promise<RecordWriter> {
    const file = recordFile(folder, head.id);
    const release = await writing(file, async () => {
      await makeFolders(path.dirname(file), PRIVATE_FOLDER);
      return claim(`${file}.lock`);
    });
    if (release === undefined) throw new WishboneError('another process works on this comparison', file, 'wait for it, or stop it');
    try {
      const before = await readRecord(file);
      const handle = await writing(file, () => open(file, 'a+', PRIVATE_FILE));
      const writer = new RecordWriter(before ?? emptyRecord(file, head), handle, release);
      const { size } = await handle.stat();
      if (before === undefined) await writer.#append({ format: 'wishbone-judge', version: 1, ...head });
      else if (size > 0 && (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== 10) await writer.#text('\n');
      return writer;
    } catch (error) {
      await release();
      throw error;
    }
  }

  async prompt(key: string, text: string, tokens: number): Promise<void> {
    if (this.record.prompts.has(key)) return;
    await this.#line({ type: 'prompt', prompt: key, text, tokens });
  }

  async completion(side: SideName, key: string, completion: Completion): Promise<void> {
    await this.#line({ type: 'completion', prompt: key, side, ...completion });
  }

  async verdict(order: Order, key: string, verdict: Verdict): Promise<void> {
    await this.#line({ type: 'verdict', prompt: key, order, ...verdict });
  }

  async close(): Promise<void> {
    await this.#handle.close().finally(() => this.#release());
  }

  async #line(value: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#append(value);
    take(this.record, value);
  }

  #append(value: object): Promise<void> {
    return this.#text(`${JSON.stringify(value)}\n`);
  }

  #text(text: string): Promise<void> {
    return writing(this.record.file, async () => {
      await this.#handle.appendFile(text);
      await this.#handle.datasync();
    });
  }
}

async function writing<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

type Json = Readonly<Record<string, unknown>>;

const isText = (value: unknown): value is string => typeof value === 'string';
const count = (value: unknown): number => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0);

function take(record: JudgeRecord, { type, prompt, ...line }: Json): void {
  if (!isText(prompt) || !/^[0-9a-f]{16}$/.test(prompt)) return;
  if (type === 'prompt' && isText(line['text'])) {
    record.prompts.set(prompt, { text: line['text'], tokens: count(line['tokens']) });
  } else if (type === 'completion' && isText(line['text']) && (line['side'] === 'first' || line['side'] === 'second')) {
    const { text, tokens, ended } = line;
    record.completions.set(lineKey(line['side'], prompt), { text, tokens: count(tokens), ended: ended === true });
  } else if (type === 'verdict' && (line['order'] === 'first' || line['order'] === 'second' || line['order'] === 'none')) {
    const { order, winner, words, input, output, cut, reused } = line;
    if (winner !== null && winner !== 'first' && winner !== 'second' && winner !== 'tie') return;
    const verdict: Verdict = {
      winner,
      words: isText(words) ? words : '',
      input: count(input),
      output: count(output),
      ...(count(cut) > 0 ? { cut: count(cut) } : {}),
      ...(reused === true ? { reused } : {}),
    };
    record.verdicts.set(lineKey(order, prompt), verdict);
    if (order === 'none' || reused === true) return;
    const { paid } = record;
    record.paid = { requests: paid.requests + 1, input: paid.input + verdict.input, output: paid.output + verdict.output };
  }
}

function parsed(line: string): Json {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** What a file's first line says, if it can be believed. */
function headOf(line: Json): JudgeHead | undefined {
  const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
  const { format, version, id, created } = line;
  if (format !== 'wishbone-judge' || version !== 1 || !isText(id) || !isText(created)) return undefined;
  const side = (name: SideName) => {
    const { label, key } = object(line[name]);
    return isText(label) && isText(key) ? { label, key } : undefined;
  };
  const [first, second] = [side('first'), side('second')];
  const { max_new_tokens, temperature, top_p, seed } = object(line['sampling']);
  const { from, path: file, sha256 } = object(line['prompts']);
  const judge = judgeOf(object(line['judge']));
  const numbers = [max_new_tokens, temperature, top_p, seed];
  if (first === undefined || second === undefined || judge === undefined || !numbers.every((value) => Number.isFinite(value)))
    return undefined;
  if ((from !== 'evaluation' && from !== 'dataset') || !isText(file) || !isText(sha256)) return undefined;
  const sampling = { max_new_tokens, temperature, top_p, seed } as unknown as SamplingOptions;
  return { id, created, first, second, sampling, judge, prompts: { from, path: file, sha256 } };
}

function judgeOf({ kind, url, model, max_tokens, question, rule, pattern }: Json): KeptJudge | undefined {
  if (kind === 'endpoint' && isText(url) && isText(model))
    return { kind, url, model, max_tokens: count(max_tokens), question: count(question) };
  const name = RULE_NAMES.find((each) => each === rule);
  if (kind !== 'rule' || name === undefined) return undefined;
  return { kind, rule: name, ...(isText(pattern) ? { pattern } : {}) };
}
