import path from 'node:path';

import * as vscode from 'vscode';

import { repeatCommand } from '../../../core/run/index.js';
import type { RunPageRequest } from '../../../protocol/run.js';
import { runCommand } from '../../run-command.js';
import type { LiveRun } from '../../runs/live-run.js';
import type { RunActions } from '../../runs/run-actions.js';
import { exportFolder } from './view-model.js';

/** Carries out what a page asks about its first run. Requests about the panel itself are not for here. */
export async function answerRequest(request: RunPageRequest, run: LiveRun, actions: RunActions): Promise<void> {
  switch (request) {
    case 'stop':
      // Just after a reload, the store may not know the run yet.
      await actions.store.notice(run.folder);
      return actions.stop(run.folder);
    case 'resume':
      return actions.resume(run);
    case 'reveal':
      return actions.reveal(path.join(run.folder, 'run.json'));
    case 'reveal-export':
      return actions.reveal(exportFolder(run) ?? run.folder);
    case 'export-best':
      return actions.exportBest(run.folder, run.config.name);
    case 'stop-and-export-best':
      await actions.store.notice(run.folder);
      return actions.stopAndExportBest(run);
    case 'reveal-best':
      return actions.reveal(run.best?.folder ?? run.folder);
    case 'export-gguf':
      return runCommand('wishbone.exportGguf', run.folder);
    case 'push':
      return runCommand('wishbone.pushRun', run.folder);
    case 'show-log':
      return actions.showLog(run.folder);
    case 'try':
      return runCommand('wishbone.tryRun', run.folder);
    case 'masks':
      return runCommand('wishbone.inspectMasks', run.folder);
    case 'packing':
      return runCommand('wishbone.showPacking', run.folder);
    case 'rename':
      return runCommand('wishbone.renameRun', run.folder);
    case 'tag':
      return runCommand('wishbone.tagRun', run.folder);
    case 'duplicate':
      return runCommand('wishbone.duplicateRun', run.folder);
    case 'judge':
      return runCommand('wishbone.judgeRun', run.folder);
    case 'explain':
      return runCommand('wishbone.explainRun', run.folder);
    case 'copy-command':
      await vscode.env.clipboard.writeText(repeatCommand(run.config).command);
  }
}
