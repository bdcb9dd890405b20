import path from 'node:path';
import type { DatasetReference } from './config.js';

/**
 * What a run's data are called: the folder, entry or split that they were named by, or else their first file, without the folders
 * that it is in.
 */
export function datasetName({ path: file, names = [] }: Pick<DatasetReference, 'path' | 'names'>): string {
  const [name = file] = names;
  // Wildcards and several names say less than a file does.
  if (names.length > 1 || /[*?[{]/.test(path.basename(name))) return path.basename(file);
  return path.basename(name.replace(/:(?:\d+(?:\.\d+)?|\.\d+)$/, ''));
}
