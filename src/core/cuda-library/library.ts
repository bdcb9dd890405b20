import { existsSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { homeFolder } from '../files/home-folder.js';

/** Name of the library that the runner loads. */
export const LIBRARY = 'libcublasLt.so.13';
/** Where the runner is told of it. */
export const LIBRARY_VARIABLE = 'WISHBONE_CUBLASLT';

/** The library within a folder of ours. */
export const libraryFile = (folder: string): string => path.join(folder, LIBRARY);

/** Where the command line keeps it (XDG base directories). */
export function userFolder(env: NodeJS.ProcessEnv = process.env): string {
  const data = env['XDG_DATA_HOME'];
  return path.join(data !== undefined && path.isAbsolute(data) ? data : path.join(homeFolder(), '.local', 'share'), 'wishbone', 'cuda');
}

/**
 * Has every runner that this process starts from now on use the library of the first of these folders that has one, unless
 * the environment names another already.
 */
export function useLibrary(folders: readonly string[]): void {
  const named = process.env[LIBRARY_VARIABLE];
  // One of ours that is gone is none.
  if (named !== undefined && named !== '' && !(folders.some((folder) => named === libraryFile(folder)) && !existsSync(named))) return;
  const found = folders.map(libraryFile).find((file) => existsSync(file));
  if (found === undefined) delete process.env[LIBRARY_VARIABLE];
  else process.env[LIBRARY_VARIABLE] = found;
}

/** Bytes of the library in a folder; undefined when there is none. */
export async function librarySize(folder: string): Promise<number | undefined> {
  return stat(libraryFile(folder)).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** Removes all that was fetched. */
export async function removeLibrary(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  useLibrary([folder]);
}
