import type { DatasetFileReference, DatasetReference } from '../run/config.js';
import type { DatasetFile, TokenisedDataset } from '../tokenise/index.js';

/** What `run.json` says of the pairs that are trained on. */
export function referenceTo({ file, form, files, pairs, sha256 }: TokenisedDataset): DatasetReference {
  return { path: file, sha256: sha256.dataset, format: form, pairs: pairs.length, ...fileList(files), ...unused(files) };
}

/** The same of those held out for evaluation; undefined when there are none. */
export function evalReferenceTo(dataset: TokenisedDataset): DatasetReference | undefined {
  const { evalPairs, evalFiles, sha256 } = dataset;
  if (evalPairs.length === 0) return undefined;
  const [first] = evalFiles;
  if (first === undefined) return { ...referenceTo(dataset), pairs: evalPairs.length };
  const { path: file, form } = first;
  return { path: file, sha256: sha256.evaluation, format: form, pairs: evalPairs.length, ...fileList(evalFiles), ...unused(evalFiles) };
}

/** All files, unless there is one that is taken as it is. */
function fileList(files: readonly DatasetFile[]): Pick<DatasetReference, 'files'> {
  if (files.length === 1 && files[0]?.weight === 1) return {};
  const entry = ({ path: name, sha256: hash, form: format, rows, weight }: DatasetFile): DatasetFileReference => {
    return { path: name, sha256: hash, format, rows, weight };
  };
  return { files: files.map(entry) };
}

/** What of the files is not used: rows that were left out, and columns. */
export function unused(files: readonly DatasetFile[]): Pick<DatasetReference, 'left_out' | 'unread_columns'> {
  const leftOut = files.flatMap(({ path: file, leftOut: { rows, first } }) =>
    rows === 0 ? [] : [{ path: file, rows, lines: first.map(({ row, line }) => line ?? row + 1) }],
  );
  const unread = files.flatMap(({ path: file, columnReport }) =>
    columnReport.unread.length === 0 ? [] : [{ path: file, columns: columnReport.unread.map(({ name }) => name) }],
  );
  return {
    ...(leftOut.length === 0 ? {} : { left_out: leftOut }),
    ...(unread.length === 0 ? {} : { unread_columns: unread }),
  };
}
