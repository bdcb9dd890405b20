import { access } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, constants } from 'node:zlib';
import { openPlain } from '../../core/files/plain-file.js';

import { Dataset, type DatasetForm } from '../../core/dataset/index.js';
import { isPlainKind, separatorOf } from '../../core/dataset/file-kinds.js';

const HEAD_BYTES = 64 * 1024;
/** Fields that a preference file of any form has near its start; in CSV and TSV they are columns of the header. */
const PREFERENCE_FIELDS =
  /"((chosen|rejected)(_messages)?|preferred_output|non_preferred_output|completions|ranks|scores)"\s*:/;
const PREFERENCE_HEADER = /^[^\n]*\bchosen\b/;

/**
 * The form of a preference file, told by its first row; undefined when it is not one. Reads little of the file, so that
 * a workspace with many large JSON files can be looked through.
 */
export async function datasetForm(file: string): Promise<DatasetForm | undefined> {
  try {
    if (!(await mayHoldPairs(file))) return undefined;
    const dataset = await Dataset.open(file);
    for await (const _ of dataset.outcomes()) break;
    return dataset.form;
  } catch {
    return undefined;
  }
}

async function mayHoldPairs(file: string): Promise<boolean> {
  // Reading its first rows looks at the columns before anything else.
  if (isPlainKind(file, 'parquet')) return true;
  const head = await readHead(file);
  return (separatorOf(file) !== undefined ? PREFERENCE_HEADER : PREFERENCE_FIELDS).test(head);
}

/** The beginning of a file's text, gunzipped when it is gzip. */
async function readHead(file: string): Promise<string> {
  const handle = await openPlain(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const gzip = head[0] === 0x1f && head[1] === 0x8b;
    // The end of the stream is missing; what is there is enough.
    const plain = gzip
      ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 * 1024 * 1024 })
      : head;
    return plain.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** True when a folder looks like a Hugging Face model with its tokenizer. */
export async function mayBeModel(folder: string): Promise<boolean> {
  try {
    await Promise.all(['config.json', 'tokenizer.json'].map((name) => access(path.join(folder, name))));
    return true;
  } catch {
    return false;
  }
}
