import { constants, gunzipSync } from 'node:zlib';
import { isPlainKind, separatorOf } from '../dataset/file-kinds.js';
import { Dataset, type DatasetForm } from '../dataset/index.js';
import { packingOf } from '../dataset/source.js';
import { unzstd } from '../dataset/zstd.js';
import { UnreadableFile } from '../errors.js';
import { openPlain } from '../files/plain-file.js';

const HEAD_BYTES = 64 * 1024;
/** Holds a whole block of Zstandard, however little it was compressed. */
const HEAD_OF_BLOCKS = 192 * 1024;
/** Fields that a preference file of any form has near its start; in CSV and TSV they are columns of the header. */
const PREFERENCE_FIELDS = /"((chosen|rejected)(_messages)?|preferred_output|non_preferred_output|completions|ranks|scores)"\s*:/;
const PREFERENCE_HEADER = /^[^\n]*\bchosen\b/;

/** What a look at a file has found. */
export interface ProbeResult {
  /** Undefined for a file that is no preference file. */
  readonly form?: DatasetForm | undefined;
  /** The file is of a kind that holds pairs, but cannot be read. */
  readonly problem?: { readonly what: string; readonly where: string; readonly advice: string } | undefined;
}

/**
 * The form of a preference file, told by its first row. Reads little of the file, so that a workspace with many large JSON
 * files can be looked through.
 */
export async function probeDataset(file: string): Promise<ProbeResult> {
  try {
    if (!(await mayHoldPairs(file))) return {};
    const dataset = await Dataset.open(file);
    for await (const _ of dataset.outcomes()) break;
    return { form: dataset.form };
  } catch (error) {
    if (!(error instanceof UnreadableFile)) return {};
    const { what, where, advice } = error;
    return { problem: { what, where, advice } };
  }
}

async function mayHoldPairs(file: string): Promise<boolean> {
  // Reading its first rows looks at the columns before anything else.
  if (isPlainKind(file, 'parquet', 'arrow')) return true;
  const head = await readHead(file);
  return (separatorOf(file) !== undefined ? PREFERENCE_HEADER : PREFERENCE_FIELDS).test(head);
}

/** The beginning of a file's text, unpacked when it is compressed. */
async function readHead(file: string): Promise<string> {
  const handle = await openPlain(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_OF_BLOCKS), 0, HEAD_OF_BLOCKS, 0);
    const blocks = buffer.subarray(0, bytesRead);
    const head = blocks.subarray(0, HEAD_BYTES);
    const packing = packingOf(head);
    return (packing === undefined ? head : packing === 'gz' ? unpackedHead(head) : await unzstdHead(blocks, file)).toString('utf8');
  } finally {
    await handle.close();
  }
}

/** The end of the stream is missing; what is there is enough. Of what unfolds to more, the first piece is. */
function unpackedHead(head: Buffer): Buffer {
  for (let bytes = head.length; bytes > 0; bytes >>= 2) {
    try {
      return gunzipSync(head.subarray(0, bytes), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 * 1024 * 1024 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    }
  }
  return Buffer.alloc(0);
}

/** What is there of the first blocks; the end is missing. */
async function unzstdHead(head: Buffer, file: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for await (const part of unzstd(
      (async function* () {
        yield head;
      })(),
      file,
    )) {
      parts.push(part);
      if (parts.length === MOST_PARTS) break;
    }
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
  }
  return Buffer.concat(parts);
}

/** Of blocks of at most 128 KiB. */
const MOST_PARTS = 16;
