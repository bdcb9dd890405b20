import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../core/errors.js';
import { modelId } from '../core/hub/index.js';
import { nearestName } from '../core/nearest-name.js';
import { listRuns, RUN_FILE, RUNS_FOLDER } from '../core/run/index.js';
import { modelFromHub } from './hub.js';
import type { StatusLine } from './terminal.js';

/** What every command says of an argument that names a run. */
export const RUN_HELP = "a run's folder, its id, its name, or `latest`";

/**
 * The folder of a run that was named on the command line.
 *
 * @param named a folder, a run's id or name (or how one of them begins, when that says which), or `latest`
 * @param runs where runs are kept
 * @throws WishboneError when no run, or more than one, is meant
 */
export async function findRun(named: string, runs = RUNS_FOLDER): Promise<string> {
  if (await isRun(named)) return path.resolve(named);
  const listed = await listRuns(runs);
  if (listed.length === 0 && !(await isPath(named)))
    throw new WishboneError('there are no runs yet', path.resolve(runs), 'start one with `wishbone train`');
  const [newest] = listed;
  if (named === 'latest' && newest !== undefined) return newest.folder;
  const known = listed.map((run) => {
    const id = path.basename(run.folder);
    return { folder: run.folder, id, name: run.problem === undefined ? run.config.name : id };
  });
  const same = known.filter(({ id, name }) => id === named || name === named);
  const found = same.length > 0 ? same : known.filter(({ id, name }) => id.startsWith(named) || name.startsWith(named));
  if (found.length === 1) return found[0]!.folder;
  const ids = found.map(({ id }) => id);
  if (found.length > 1) {
    throw new WishboneError(
      `"${named}" matches ${ids.length} runs: ${some(ids)}`,
      path.resolve(runs),
      'use the id of the run',
      ExitCode.usage,
    );
  }
  if (await isPath(named)) {
    const advice = `give the folder of a run, its id or its name; \`wishbone runs\` lists them`;
    throw new WishboneError(`not a run folder: there is no ${RUN_FILE}`, path.resolve(named), advice);
  }
  const near = nearestName(
    named,
    known.flatMap(({ id, name }) => [id, name]),
  );
  throw new WishboneError(
    `no run is called "${named}"`,
    path.resolve(runs),
    `${near === undefined ? '' : `did you mean ${near}? `}\`wishbone runs\` lists them`,
    ExitCode.usage,
  );
}

/**
 * The folder of a run as {@link findRun} finds it, or of a model: a folder, or an id on the hub, which is fetched. A path where there is
 * neither is left to whoever reads it.
 */
export async function findRunOrModel(named: string, runs: string, status: StatusLine): Promise<string> {
  if (modelId(named) !== undefined) return path.resolve(await modelFromHub(named, status));
  if (/[/\\]/.test(named) || (await isModelFolder(named))) return path.resolve(named);
  return findRun(named, runs);
}

/** Whether what was named is a file or folder, or was meant to be one. */
async function isPath(named: string): Promise<boolean> {
  return (
    /[/\\]/.test(named) ||
    stat(named).then(
      () => true,
      () => false,
    )
  );
}

async function isRun(folder: string): Promise<boolean> {
  return stat(path.join(folder, RUN_FILE)).then(
    (info) => info.isFile(),
    () => false,
  );
}

function some(ids: readonly string[]): string {
  return ids.length > 5 ? `${ids.slice(0, 5).join(', ')}, …` : ids.join(', ');
}

/** Whether a folder holds a model or an adapter, and no run. */
export async function isModelFolder(folder: string): Promise<boolean> {
  const has = (name: string): Promise<boolean> =>
    stat(path.join(folder, name)).then(
      (info) => info.isFile(),
      () => false,
    );
  return !(await has(RUN_FILE)) && ((await has('config.json')) || (await has('adapter_config.json')));
}
