import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { WishboneError } from '../../../src/core/errors.js';
import { ModelTokenizer } from '../../../src/core/tokenizer/index.js';

/** A model folder and what AutoTokenizer made of it; null where that ends with an error. */
interface Case {
  readonly base: string;
  readonly changes: object;
  readonly files: Readonly<Record<string, unknown>>;
  readonly refused?: string;
  readonly class?: string;
  readonly texts?: readonly string[];
  readonly ids?: readonly (readonly number[] | null)[];
  readonly special?: readonly (readonly number[] | null)[];
  readonly decoded?: readonly (string | null)[];
  readonly tokens?: Readonly<Record<string, string | null>>;
}

export interface FolderComparison {
  folders: number;
  /** Texts with the same ids, with and without what is put around them. */
  equal: number;
  decoded: number;
  /** Neither takes the folder. */
  bothRefuse: number;
  /** Taken here, where transformers fails. */
  taken: number;
  /** Refused here only, by message. */
  readonly refused: Map<string, number>;
  readonly different: string[];
  /** Differences of folders that have one in `different`. */
  more: number;
}

/** Loads every folder of a file that scripts/fixtures/tokenizer_folders.py wrote. */
export async function compareFolders(file: string): Promise<FolderComparison> {
  const all = JSON.parse(gunzipSync(await readFile(file)).toString('utf8')) as {
    readonly bases: Readonly<Record<string, object>>;
    readonly texts: readonly string[];
    readonly cases: readonly Case[];
  };
  const result: FolderComparison = {
    ...{ folders: 0, equal: 0, decoded: 0, bothRefuse: 0, taken: 0 },
    ...{ refused: new Map<string, number>(), different: [], more: 0 },
  };
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-folders-'));
  const fixture = path.join(import.meta.dirname, 'fixture');
  try {
    for (const one of all.cases) {
      const names = ['config.json', 'special_tokens_map.json', 'added_tokens.json'];
      for (const name of names) await rm(path.join(folder, name), { force: true });
      for (const [name, value] of Object.entries(one.files)) await writeFile(path.join(folder, name), JSON.stringify(value));
      const base = all.bases[one.base] ?? (JSON.parse(await readFile(path.join(fixture, one.base, 'tokenizer.json'), 'utf8')) as object);
      await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify({ ...base, ...one.changes }));
      await compareFolder(folder, one, one.texts ?? all.texts, result);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return result;
}

async function compareFolder(folder: string, one: Case, texts: readonly string[], result: FolderComparison): Promise<void> {
  result.folders++;
  const { refused, ids = [], special = [], decoded = [], tokens = {} } = one;
  const named = JSON.stringify({ base: one.base, class: one.class, changes: one.changes, files: one.files }).slice(0, 700);
  let tokenizer: ModelTokenizer;
  try {
    tokenizer = await ModelTokenizer.load(folder);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    if (refused !== undefined) result.bothRefuse++;
    else result.refused.set(error.what, (result.refused.get(error.what) ?? 0) + 1);
    return;
  }
  if (refused !== undefined) {
    result.taken++;
    return;
  }
  const same = (what: string, of: unknown, own: unknown, right: unknown): boolean => {
    if (JSON.stringify(own) === JSON.stringify(right)) return true;
    if (result.different.at(-1)?.endsWith(named)) return (result.more++, false);
    result.different.push(`${what} of ${JSON.stringify(of)}: ${JSON.stringify(own)}, not ${JSON.stringify(right)}: ${named}`);
    return false;
  };
  const encode = (text: string, addsSpecial: boolean): number[] | null => {
    try {
      return tokenizer.encode(text, addsSpecial);
    } catch (error) {
      if (error instanceof WishboneError) return null;
      throw error;
    }
  };
  for (const [index, text] of texts.entries()) {
    if (same('ids', text, encode(text, false), ids[index])) result.equal++;
    if (same('special ids', text, encode(text, true), special[index])) result.equal++;
    const own = ids[index];
    if (own && same('text', own, tokenizer.decode(own), decoded[index])) result.decoded++;
  }
  const texts4 = tokenizer.specialTokenTexts as Readonly<Record<string, string | undefined>>;
  for (const [name, right] of Object.entries(tokens)) same('token', name, texts4[name] ?? null, right);
}

async function main(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const { different, refused, ...counts } = await compareFolders(file);
    const refusals = [...refused.values()].reduce((sum, times) => sum + times, 0);
    console.log(file, JSON.stringify({ ...counts, refused: refusals, different: different.length }));
    for (const [message, times] of refused) console.log(`  refused ${times}: ${message.slice(0, 300)}`);
    for (const message of different.slice(0, 10)) console.log(`  ${message.slice(0, 900)}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) void main(process.argv.slice(2));
