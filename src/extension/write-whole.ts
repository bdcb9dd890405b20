import { realpath, stat } from 'node:fs/promises';

import * as vscode from 'vscode';

import { SHARED_FILE, writeFileAtomically } from '../core/files/atomic-file.js';

/**
 * Writes a file whose place somebody chose, so that it is there whole or not at all; what was there stays as it was until then.
 *
 * @throws WishboneError when the disk is full or the folder cannot be written
 */
export async function writeWhole(target: vscode.Uri, contents: Uint8Array | string): Promise<void> {
  if (target.scheme !== 'file') return vscode.workspace.fs.writeFile(target, Buffer.from(contents));
  // Behind a link is what it leads to. Who may read a file may read what replaces it.
  const file = await realpath(target.fsPath).catch(() => target.fsPath);
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => SHARED_FILE,
  );
  await writeFileAtomically(file, (handle) => handle.writeFile(contents), mode);
}
