import type * as vscode from 'vscode';

import { showRow } from '../../rows/show-row.js';
import type { PlanUse } from './plan-sessions.js';

/**
 * Shows a row of a plan's dataset in the editor, beside the panel.
 *
 * @param row 0-based
 * @throws WishboneError when the dataset is not a text file, or no longer has that row
 */
export async function openRow({ inspector, info }: PlanUse, row: number, from?: vscode.ViewColumn): Promise<void> {
  const gone = 'the file has fewer rows than when the plan was made';
  await showRow({ file: info.dataset, row, lineOf: () => inspector.ask('lineOfRow', row), gone }, from);
}
