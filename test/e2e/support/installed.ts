import { cp, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { installExtension } from '../../../scripts/vscode-server.mjs';

const folder = resolve(import.meta.dirname, '../../../test-results/installed');
/** Begins the names of folders that are being made. */
const MAKING = 'making-';

/**
 * Puts the installed package into a server's folder of extensions. VS Code starts for an installation, which takes seconds: it is done once
 * for each package, and copied from then on. Several files may come here at the same time.
 *
 * @param vsix path of the package
 * @param extensions a folder that is made
 */
export async function putInstalled(vsix: string, extensions: string): Promise<void> {
  const { size, mtimeMs } = await stat(vsix);
  const name = `${size}-${Math.floor(mtimeMs)}`;
  const installed = join(folder, name);
  if (!(await isThere(installed))) {
    await mkdir(folder, { recursive: true });
    const making = await mkdtemp(join(folder, MAKING));
    await installExtension(vsix, { data: join(making, 'server'), extensions: join(making, 'extensions') });
    // Another file may have been quicker.
    await rename(join(making, 'extensions'), installed).catch(async (error: unknown) => {
      if (!(await isThere(installed))) throw error;
    });
    await rm(making, { recursive: true, force: true });
    for (const other of await readdir(folder))
      if (other !== name && !other.startsWith(MAKING)) await rm(join(folder, other), { recursive: true, force: true });
  }
  await cp(installed, extensions, { recursive: true });
}

function isThere(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  );
}
