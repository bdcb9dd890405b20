import { WishboneError } from '../errors.js';
import { fileKind, markOf, separatorOf } from './file-kinds.js';

/** Bytes by which a file is told to be something else: as far as tar's mark. */
export const HEAD_LENGTH = 512;

interface Kind {
  readonly what: string;
  readonly advice: string;
}

const UNPACK = 'unpack it and give the file inside, or compress that with gzip';
const convert = (read: string): string => `write it as Parquet, for example ${read}.to_parquet("pairs.parquet")`;

/** First bytes, one character each, of files that people give for data. */
const MARKS: readonly (readonly [mark: string, kind: Kind])[] = [
  ['PK\x03\x04', { what: 'a zip archive, not plain text', advice: UNPACK }],
  ['\x28\xb5\x2f\xfd', { what: 'zstd-compressed twice over, not plain text', advice: 'unpack it once (zstd -d)' }],
  ['\xfd7zXZ\0', { what: 'xz-compressed, not plain text', advice: 'unpack it (xz -d), or compress it with gzip' }],
  ['BZh', { what: 'bzip2-compressed, not plain text', advice: 'unpack it (bzip2 -d), or compress it with gzip' }],
  ['\x04\x22\x4d\x18', { what: 'lz4-compressed, not plain text', advice: 'unpack it (lz4 -d), or compress it with gzip' }],
  ['7z\xbc\xaf\x27\x1c', { what: 'a 7z archive, not plain text', advice: UNPACK }],
  ['Rar!', { what: 'a RAR archive, not plain text', advice: UNPACK }],
  ['ARROW1', { what: 'Arrow, compressed as a whole, which is not read', advice: 'unpack it' }],
  ['\xff\xff\xff\xff', { what: 'an Arrow stream, compressed as a whole, which is not read', advice: 'unpack it' }],
  ['FEA1', { what: 'an old Feather file (version 1), which is not read', advice: convert('pandas.read_feather("pairs.feather")') }],
  ['PARE', { what: 'encrypted Parquet, which is not read', advice: 'write it again without encryption' }],
  ['ORC', { what: 'an ORC file, which is not read', advice: convert('pandas.read_orc("pairs.orc")') }],
  ['Obj\x01', { what: 'an Avro file, which is not read', advice: 'write it as Parquet or JSON lines' }],
  ['SQLite format 3', { what: 'an SQLite database, which is not read', advice: convert('pandas.read_sql(…)') }],
  ['\x89HDF', { what: 'an HDF5 file, which is not read', advice: convert('pandas.read_hdf("pairs.h5")') }],
  ['\xd0\xcf\x11\xe0', { what: 'an old Excel file, which is not read', advice: 'save it as CSV (UTF-8)' }],
  ['%PDF', { what: 'a PDF, not data', advice: 'give a file with the rows themselves' }],
  ['\x80\x04\x95', { what: 'a Python pickle, which is not read', advice: convert('pandas.read_pickle("pairs.pkl")') }],
  ['\x80\x05\x95', { what: 'a Python pickle, which is not read', advice: convert('pandas.read_pickle("pairs.pkl")') }],
];

/**
 * Refuses what is neither JSON nor a table of text by its first bytes, whatever its name, and says what it is.
 *
 * @throws WishboneError
 */
export function refuseOtherKinds(head: Buffer, file: string): void {
  const text = head.toString('latin1');
  const binary = MARKS.find(([mark]) => text.startsWith(mark))?.[1] ?? wideText(head) ?? tar(text);
  if (binary !== undefined) {
    const isWorkbook = text.startsWith('PK') && /\.xlsx$/i.test(file);
    const advice = isWorkbook ? 'it is an Excel file: save it as CSV (UTF-8)' : binary.advice;
    throw new WishboneError(`the file is ${binary.what}`, file, advice);
  }
  const other = page(text) ?? notBinary(text, file) ?? notTable(text, file);
  if (other !== undefined) throw new WishboneError(`the file is ${other.what}`, `${file}:1`, other.advice);
}

/** UTF-16 and UTF-32, with a mark or without: of JSON and tables, the first character is of one byte. */
function wideText(head: Buffer): Kind | undefined {
  const [a, b, c, d] = head;
  const advice = 'save it as UTF-8';
  const isWide = a === 0 && b === 0 && (c === 0xfe || c === 0) && (d === 0xff || (d !== 0 && d !== undefined));
  if (isWide || (a === 0xff && b === 0xfe && c === 0 && d === 0)) return { what: 'UTF-32, not UTF-8', advice };
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return { what: 'UTF-16, not plain text', advice };
  if ((b === 0 && d === 0 && a !== 0) || (a === 0 && c === 0 && b !== 0 && b !== undefined)) {
    return { what: 'UTF-16 without a mark, not plain text', advice };
  }
  return undefined;
}

function tar(text: string): Kind | undefined {
  return text.startsWith('ustar', 257) ? { what: 'a tar archive, not plain text', advice: UNPACK } : undefined;
}

function page(text: string): Kind | undefined {
  const start = text.replace(/^\xef\xbb\xbf/, '').trimStart();
  if (start.startsWith('version https://git-lfs.github.com/spec/')) {
    const size = /\nsize (\d+)/.exec(start)?.[1];
    const named = size === undefined ? '' : ` for a file of ${size} bytes`;
    return { what: `a Git LFS pointer${named}, not the data itself`, advice: 'run "git lfs pull" in its folder, or download the file' };
  }
  if (/^<(?:!doctype html|html|head|body|!--)/i.test(start)) {
    const advice = 'download the file itself; on Hugging Face the link has /resolve/ in place of /blob/, and may need a login';
    return { what: 'an HTML page, not data: what was downloaded is a web page', advice };
  }
  if (/^<\?xml|^<[a-z]+[ >]/i.test(start)) return { what: 'XML, which is not read', advice: 'write it as JSON lines or CSV' };
  return undefined;
}

/** A file that calls itself Parquet or Arrow may still hold JSON, and is then read as that. */
function notBinary(text: string, file: string): Kind | undefined {
  const mark = markOf(file);
  if (mark === undefined || /^(?:\xef\xbb\xbf)?\s*[[{]/.test(text) || text.trim() === '') return undefined;
  return {
    what: `named .${fileKind(file).kind}, but does not begin like ${mark}`,
    advice: 'download or write it again, or give it the right file name',
  };
}

function notTable(text: string, file: string): Kind | undefined {
  const { kind: name } = fileKind(file);
  if (name === undefined || separatorOf(file) === undefined || !/^(?:\xef\xbb\xbf)?\s*(?:\{\s*"|\[\s*\{)/.test(text)) return undefined;
  return { what: `named .${name}, but holds JSON`, advice: 'give it a name that ends in .jsonl (one row per line) or .json' };
}
