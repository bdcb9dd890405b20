import { chmod } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { SHARED_FILE, writeFileAtomically } from '../../core/files/atomic-file.js';
import { makeFolderOf } from '../../core/files/make-folders.js';
import { commandLineFile, commandLineVariables } from '../command-line.js';

/** Opens a terminal in which `wishbone` is the command line that came with this extension. */
export async function openTerminal({ extensionUri, globalStorageUri }: vscode.ExtensionContext): Promise<void> {
  const bin = path.join(globalStorageUri.fsPath, 'bin');
  await makeCommand(bin, commandLineFile(extensionUri));
  const terminal = vscode.window.createTerminal({
    name: 'Wishbone',
    // In colours of its own, as those of panels: a plain one would be black in every theme.
    iconPath: vscode.Uri.joinPath(extensionUri, 'media', 'icon.svg'),
    // Before all else: a shell's own start-up appends to what it is given.
    env: { PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`, ...commandLineVariables() },
    message: 'Try wishbone --help. wishbone check, plan and train take a preference file or a run config.',
  });
  terminal.show();
}

/** A script called `wishbone`. It runs with this process's own Node: there need not be another. */
async function makeCommand(bin: string, cli: string): Promise<void> {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const script = `#!/bin/sh\n# Written by the Wishbone extension.\nELECTRON_RUN_AS_NODE=1 exec ${quoted(process.execPath)} ${quoted(cli)} "$@"\n`;
  const file = path.join(bin, 'wishbone');
  await makeFolderOf(file);
  await writeFileAtomically(
    file,
    async (handle) => {
      await handle.writeFile(script);
    },
    SHARED_FILE,
  );
  await chmod(file, 0o755);
}
