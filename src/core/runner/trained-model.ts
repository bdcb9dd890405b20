import { access } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { readEvents } from '../events/event-reader.js';
import { RunHistory } from '../history/history.js';
import { readRun, RUN_FILE } from '../run/folder.js';
import { bestModel, exportBest } from './best-model.js';

/** Which of a run's models is meant. */
export interface Which {
  /** Of a checkpoint; by default the best evaluation's. */
  readonly step?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * The trained model or adapter of a run, exported where it is not yet: of its best evaluation or of a step, else what it exported at its
 * end.
 *
 * @returns its folder, absolute
 * @throws WishboneError when there is none yet
 */
export async function trainedModel(run: string, { step, signal }: Which = {}): Promise<string> {
  const options = signal === undefined ? {} : { signal };
  const root = path.resolve(run);
  if (step !== undefined) return exportBest(root, { step, ...options });
  const history = new RunHistory();
  for (const event of await readEvents(root)) history.add(event);
  if ((await bestModel(root, history)) !== undefined) return exportBest(root, options);
  const last = path.join(root, 'export');
  const there = await Promise.all(['config.json', 'adapter_config.json'].map((name) => isThere(path.join(last, name))));
  if (there.some(Boolean)) return last;
  throw new WishboneError('the run has no trained model yet', last, 'try again when it has finished, or name the step of a checkpoint');
}

/** What is uploaded of a folder. */
export interface PushSource {
  /** Of the model or adapter. */
  readonly folder: string;
  /** A name for its repository. */
  readonly name: string;
  /** Folders that nobody else is to read of, absolute. */
  readonly folders: readonly string[];
}

/**
 * What is uploaded of a run folder, or of a model or adapter folder.
 *
 * @throws WishboneError when the run has no model yet
 */
export async function pushSource(folder: string, which: Which = {}): Promise<PushSource> {
  const root = path.resolve(folder);
  if (!(await isThere(path.join(root, RUN_FILE)))) return { folder: root, name: repositoryName(path.basename(root)), folders: [root] };
  const { config } = await readRun(root);
  const read = [config.model, config.dataset, config.eval_dataset].flatMap((one) => [one?.path ?? []].flat());
  const folders = read.map((file) => path.dirname(path.resolve(root, file)));
  return { folder: await trainedModel(root, which), name: repositoryName(config.name), folders: [root, path.dirname(root), ...folders] };
}

/** A name as the hub takes one: letters, digits, `.`, `-` and `_`, neither `--` nor `..`, and at an end neither `.` nor `-`. */
export function repositoryName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 90)
    .replace(/[.-]+$/, '');
  return plain === '' ? 'wishbone-model' : plain;
}
