import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { makeTemporaryFolder } from '../files/temporary-folder.js';
import { mostBytes, openPlain, readPlainText } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import { type HubSettings, pushedModel, type Pushed, pushFiles, type PushRequest } from '../hub/index.js';
import { readRun, RUN_FILE } from '../run/folder.js';
import { pushSource, repositoryName, type Which } from '../runner/index.js';
import type { WorkOptions } from '../work/progress.js';
import { ggufCard, type GgufCard } from './card.js';

/** GGUF files of one model, and what is known of it. */
export interface GgufUpload {
  /** Absolute, in the order of their names. */
  readonly files: readonly string[];
  /** A name for the repository. */
  readonly name: string;
  /** Of the model that they were made from, were it uploaded under its usual name. */
  readonly ofModel: string;
  /** Folders that nobody else is to read of, absolute. */
  readonly folders: readonly string[];
  /** What the model card of the run says; undefined for files of no run. */
  readonly card: RunCard | undefined;
}

interface RunCard {
  readonly title: string;
  readonly base: string | undefined;
  readonly isAdapter: boolean;
  /** Its parts that are true of every checkpoint. */
  readonly parts: string;
}

/** How files are uploaded. */
export type GgufPush = Omit<PushRequest, 'folder' | 'folders' | 'name'> & {
  /** `org/name`, or `name` alone; by default as the run or the file, with `-GGUF`. */
  readonly name?: string | undefined;
  /** The repository of the model that the files were made from; by default one of the run's name, if it is there. */
  readonly baseModel?: string | undefined;
};

/**
 * The GGUF files of a run, or one file by its name.
 *
 * @throws WishboneError when there are none
 */
export async function ggufUpload(named: string, which: Which = {}): Promise<GgufUpload> {
  const root = path.resolve(named);
  if ((await stat(root)).isFile()) {
    await refuseOthers(root);
    const run = path.dirname(path.dirname(root));
    const isOfRun =
      path.basename(path.dirname(root)) === 'gguf' && (await unlessMissing(run, () => stat(path.join(run, RUN_FILE)))) !== undefined;
    if (isOfRun) return { ...(await ofRun(run, which)), files: [root] };
    const name = repositoryName(path.basename(root).replace(/(?:-(?:f16|bf16|q8_0|q4_k_m))?\.gguf$/i, ''));
    return { files: [root], name: `${name}-GGUF`, ofModel: name, folders: [path.dirname(root)], card: undefined };
  }
  const folder = path.join(root, 'gguf');
  const names = (await unlessMissing(folder, () => readdir(folder))) ?? [];
  const files = names.filter((name) => /\.gguf$/i.test(name) && !name.startsWith('.')).sort();
  if (files.length === 0) {
    const advice = 'write one first: wishbone export <run> --gguf q4_k_m (Export as GGUF… in VS Code)';
    throw new WishboneError('there is no GGUF file of the run', folder, advice);
  }
  for (const file of files) await refuseOthers(path.join(folder, file));
  return { ...(await ofRun(root, which)), files: files.map((file) => path.join(folder, file)) };
}

async function ofRun(run: string, which: Which): Promise<Omit<GgufUpload, 'files'>> {
  const { name, folders, folder: model } = await pushSource(run, which);
  return { name: `${name}-GGUF`, ofModel: name, folders, card: await runCard(run, model) };
}

/** Whether a run has GGUF files that could be uploaded. */
export async function hasGguf(run: string): Promise<boolean> {
  const folder = path.join(run, 'gguf');
  const names = await readdir(folder).catch(() => []);
  return names.some((name) => /^[^.].*\.gguf$/i.test(name));
}

/**
 * Uploads GGUF files with their Modelfiles and a card that says what they were made from, in one commit.
 *
 * @throws WishboneError what `pushFolder` throws; the signal's reason
 */
export async function pushGguf(settings: HubSettings, upload: GgufUpload, push: GgufPush, work: WorkOptions = {}): Promise<Pushed> {
  const { files, folders, card } = upload;
  const name = push.name ?? upload.name;
  const owner = name.includes('/') ? `${name.split('/')[0]}/` : '';
  const base = push.baseModel ?? (card === undefined ? undefined : await pushedModel(settings, `${owner}${upload.ofModel}`, work.signal));
  const folder = await makeTemporaryFolder('wishbone-card-');
  try {
    const pushed = files.map((file) => ({ path: path.basename(file), file }));
    for (const file of files) {
      const own = `${file.replace(/\.gguf$/i, '')}.Modelfile`;
      if (await isPortable(own)) pushed.push({ path: path.basename(own), file: own });
    }
    const entries = await Promise.all(files.map(async (file) => ({ name: path.basename(file), bytes: (await stat(file)).size })));
    const about: Omit<GgufCard, 'repository'> = {
      title: card?.title ?? upload.ofModel,
      files: entries,
      isAdapter: card?.isAdapter ?? false,
      model: base,
      base: card?.base,
      parts: card?.parts ?? '',
    };
    const readme = async (repository: string): Promise<string> => {
      const file = path.join(folder, 'README.md');
      await writeFile(file, ggufCard({ ...about, repository }));
      return file;
    };
    return await pushFiles(settings, { ...push, name, folders, files: pushed, readme }, work);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Anything may be called so. */
async function refuseOthers(file: string): Promise<void> {
  const handle = await openPlain(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.toString('latin1', 0, bytesRead) !== 'GGUF') {
      throw new WishboneError('the file is no GGUF file', file, 'give one that wishbone export --gguf or llama.cpp wrote');
    }
  } finally {
    await handle.close();
  }
}

/** Whether there is a Modelfile, and it names nothing but what is beside it: that of an adapter names a folder of this machine. */
async function isPortable(file: string): Promise<boolean> {
  const text = await unlessMissing(file, () => readPlainText(file, mostBytes.settings));
  return text !== undefined && [...text.matchAll(/^(?:FROM|ADAPTER)\s+(.*)$/gim)].every(([, name]) => name!.startsWith('./'));
}

async function runCard(run: string, model: string): Promise<RunCard> {
  const file = path.join(model, 'README.md');
  const text = (await unlessMissing(file, () => readPlainText(file, mostBytes.settings))) ?? '';
  const head = /^---\n([\s\S]*?)\n---\n/.exec(text)?.[1] ?? '';
  const { parse } = await import('yaml');
  let base: unknown;
  try {
    base = (parse(head) as { base_model?: unknown } | null)?.base_model;
  } catch {
    // A card that somebody has changed: then it says nothing.
  }
  const part = (name: string): string => new RegExp(`^## ${name}\\n[\\s\\S]*?(?=^## |(?![\\s\\S]))`, 'm').exec(text)?.[0] ?? '';
  const adapter = path.join(model, 'adapter_config.json');
  const isAdapter = (await unlessMissing(adapter, () => stat(adapter))) !== undefined;
  const { config } = await readRun(run);
  return { title: config.name, base: typeof base === 'string' ? base : undefined, isAdapter, parts: `${part('Data')}${part('Settings')}` };
}
