import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { loadOniguruma } from '../../../src/core/tokenizer/pattern/index.js';
import { Pipeline, type PipelineOptions } from '../../../src/core/tokenizer/pipeline/pipeline.js';
import { TokenBuffer } from '../../../src/core/tokenizer/token-buffer.js';

/** A pipeline and what the Rust library made with it; null where that ends with an error. */
interface Case {
  readonly model: string;
  readonly refused?: string;
  readonly texts?: readonly string[];
  readonly ids?: readonly (readonly number[] | null)[];
  readonly special?: readonly (readonly number[] | null)[];
  readonly decoded?: readonly (string | null)[];
}

interface Kinds {
  readonly models: Readonly<Record<string, unknown>>;
  readonly texts: readonly string[];
  readonly cases: readonly Case[];
}

export interface Comparison {
  pipelines: number;
  /** Texts with the same ids, put together with and without what is around them. */
  equal: number;
  decoded: number;
  /** Neither does it. */
  bothRefuse: number;
  /** Refused here only, by message: allowed, but to be few. */
  readonly refused: Map<string, number>;
  /** Anything else. */
  readonly different: string[];
}

/** Runs every pipeline of a file that scripts/fixtures/tokenizer_kinds.py wrote. */
export async function compareKinds(file: string, options: PipelineOptions = {}): Promise<Comparison> {
  await loadOniguruma();
  const kinds = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Kinds;
  const result: Comparison = { pipelines: 0, equal: 0, decoded: 0, bothRefuse: 0, refused: new Map(), different: [] };
  for (const one of kinds.cases) compareCase(one, kinds, result, options);
  return result;
}

function compareCase(one: Case, kinds: Kinds, result: Comparison, options: PipelineOptions): void {
  result.pipelines++;
  const { model, texts = kinds.texts, refused, ids = [], special, decoded = [], ...parts } = one;
  const named = JSON.stringify({ model, ...parts }).slice(0, 600);
  let pipeline: Pipeline;
  try {
    pipeline = Pipeline.read({ version: '1.0', added_tokens: [], ...parts, model: kinds.models[model] }, options);
    pipeline.added.makeFinders();
    pipeline.frame(true);
  } catch (error) {
    if (refused !== undefined || ids.every((own) => own === null)) result.bothRefuse++;
    else if (special?.every((own) => own === null)) result.bothRefuse++;
    else count(result.refused, `${(error as Error).message}: ${named}`);
    return;
  }
  if (refused !== undefined) {
    result.different.push(`taken, where the library says "${refused}": ${named}`);
    return;
  }
  const same = (what: string, text: unknown, own: () => unknown, right: unknown): boolean => {
    let made: unknown;
    try {
      made = own();
    } catch (error) {
      if (right === null) result.bothRefuse++;
      else count(result.refused, (error as Error).message.replace(/U\+\w+/, 'U+…'));
      return false;
    }
    if (JSON.stringify(made) === JSON.stringify(right)) return true;
    result.different.push(`${what} of ${JSON.stringify(text)}: ${JSON.stringify(made)}, not ${JSON.stringify(right)}: ${named}`);
    return false;
  };
  const buffer = new TokenBuffer();
  const encode = (text: string, addsSpecial: boolean): number[] => {
    buffer.length = 0;
    pipeline.encode(text, addsSpecial, buffer);
    return Array.from(buffer.view());
  };
  for (const [index, text] of texts.entries()) {
    const own = ids[index] ?? null;
    if (same('ids', text, () => encode(text, false), own)) result.equal++;
    if (special && same('special ids', text, () => encode(text, true), special[index] ?? null)) result.equal++;
    if (own && same('text', own, () => pipeline.decode(own), decoded[index] ?? null)) result.decoded++;
  }
}

const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

async function main(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const { different, refused, ...counts } = await compareKinds(file, { tracksAll: process.env['TRACKS_ALL'] === '1' });
    const refusals = [...refused.values()].reduce((sum, times) => sum + times, 0);
    console.log(file, JSON.stringify({ ...counts, refused: refusals, different: different.length }));
    for (const [message, times] of [...refused].filter(([message]) => !/too new|reproduced exactly/.test(message)).slice(0, 8))
      console.log(`  refused ${times}: ${message.slice(0, 400)}`);
    for (const message of different.slice(0, 8)) console.log(`  ${message.slice(0, 700)}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) void main(process.argv.slice(2));
