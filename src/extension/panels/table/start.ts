import { stat } from 'node:fs/promises';

import * as vscode from 'vscode';

import { isPlainKind, KINDS_TEXT, mayBeDataset } from '../../../core/dataset/file-kinds.js';
import { WishboneError } from '../../../core/errors.js';
import { LARGE_BYTES } from '../../diagnostics/documents.js';
import { ModelChoice } from '../../diagnostics/model-choice.js';
import { datasetAtHand } from '../../paths/file-at-hand.js';
import { givenPath } from '../../paths/given-path.js';
import { pickDataset } from '../../paths/pick-dataset.js';
import { recentDatasets } from '../../paths/recent.js';
import type { Problems } from '../../problems.js';
import { PairDocuments } from './pair-documents.js';
import { TABLE_EDITOR_VIEW, TABLE_VIEW, TableEditor, TableView } from './table-editors.js';
import type { RunStore } from '../../runs/run-store.js';
import type { TableContext, TablePanel } from './table-panel.js';
import { TableRuns } from './table-runs.js';

/** Datasets as tables. The command takes a preference file, or an entry of the Datasets view; without one, that of the active tab, or asks. */
export function startTable(context: vscode.ExtensionContext, store: RunStore, problems: Problems): vscode.Disposable {
  const pairs = new PairDocuments();
  const models = new ModelChoice(context);
  const { extensionUri } = context;
  const runs = new TableRuns(store, context.workspaceState);
  const open = new Set<TablePanel>();
  const wanted: TableContext['wanted'] = new Map();
  const table: TableContext = { extensionUri, problems, models, pairs, runs, open, wanted };
  const options = { supportsMultipleEditorsPerDocument: true };
  return vscode.Disposable.from(
    pairs,
    models,
    vscode.window.registerCustomEditorProvider(TABLE_VIEW, new TableView(table), options),
    vscode.window.registerCustomEditorProvider(TABLE_EDITOR_VIEW, new TableEditor(table), options),
    problems.command('wishbone.showDatasetTable', async (given, row, run) => {
      const file = givenPath(given) ?? datasetAtHand() ?? (await pickFile(context));
      if (file === undefined) return;
      if (!mayBeDataset(file)) throw new WishboneError('no preference file, by its name', file, `give one of ${KINDS_TEXT}`);
      await vscode.commands.executeCommand('vscode.openWith', vscode.Uri.file(file), await viewFor(file));
      if (typeof row !== 'number') return;
      const shown = [...open].filter((panel) => panel.file === file);
      const panel = shown.find((each) => each.page.panel.active) ?? shown.at(-1);
      const ofRun = typeof run === 'string' ? run : undefined;
      if (panel === undefined) wanted.set(file, { row, run: ofRun });
      else await panel.goTo(row, ofRun);
    }),
  );
}

/** Extensions do not see a text that is too large, and tables in text and packed files have no place to write to. */
async function viewFor(file: string): Promise<string> {
  const { size } = await stat(file);
  return isPlainKind(file, 'jsonl', 'json') && size <= LARGE_BYTES ? TABLE_EDITOR_VIEW : TABLE_VIEW;
}

async function pickFile(context: vscode.ExtensionContext): Promise<string | undefined> {
  const picked = await pickDataset(recentDatasets(context), { title: 'Dataset to Show as a Table' });
  return typeof picked === 'string' ? undefined : picked.value;
}
