import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { SWEEP_FILE, sweepsFolder } from './record.js';

/** The records of all sweeps beside a folder of runs, by name. */
export async function sweepFiles(runsFolder: string): Promise<string[]> {
  const folder = sweepsFolder(runsFolder);
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(
    names.sort().map(async (name) => {
      const file = path.join(folder, name, SWEEP_FILE);
      // Whatever has that name: what is no file is said to be damaged.
      const isThere = await stat(file).then(
        () => true,
        () => false,
      );
      return isThere ? [file] : [];
    }),
  );
  return files.flat();
}
