import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Where a program of the system is; undefined when there is none. Folders of `PATH` count where they are absolute: not whatever lies in the folder that is open. */
export function programPath(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return (env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
