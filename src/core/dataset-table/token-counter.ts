import { type CheckListener, CheckWorker } from '../checks/service/worker.js';
import type { WorkOptions } from '../work/progress.js';
import type { TableColumns } from './columns.js';
import type { RowTexts } from './row-texts.js';
import { eachRow } from './scan.js';

/** Rows, and units of their texts, that are counted at a time. */
const MOST_ROWS = 64;
const MOST_UNITS = 1 << 18;

const SILENT: CheckListener = {
  onReport: () => undefined,
  onOutOfStep: () => undefined,
  onFileReport: () => undefined,
  onFileTrouble: () => undefined,
  onLeftAlone: () => undefined,
  onFault: () => undefined,
};

/**
 * Counts the tokens of all rows with a model's tokenizer and template, in the process that checks do it in: whatever the model
 * does there, the table goes on.
 *
 * @param onCounted called after some rows each
 * @throws WishboneError when the model folder cannot be used; the signal's reason once it has aborted
 */
export async function countTokens(
  rows: RowTexts,
  columns: TableColumns,
  { folder, maxLength }: { readonly folder: string; readonly maxLength: number },
  onCounted: () => void,
  { signal }: WorkOptions,
): Promise<void> {
  const worker = new CheckWorker(SILENT);
  try {
    let texts: string[] = [];
    let units = 0;
    const count = async (): Promise<void> => {
      columns.addTokens(await worker.tokens(folder, maxLength, texts));
      texts = [];
      units = 0;
      signal?.throwIfAborted();
      onCounted();
    };
    for await (const { text } of eachRow(rows, columns.tokenRows)) {
      signal?.throwIfAborted();
      texts.push(text.text);
      units += text.text.length;
      if (texts.length >= MOST_ROWS || units >= MOST_UNITS) await count();
    }
    if (texts.length > 0) await count();
  } finally {
    await worker.dispose();
  }
}
