import path from 'node:path';

import * as vscode from 'vscode';

import { findSources, formDescriptions } from '../../core/dataset/index.js';
import { WishboneError } from '../../core/errors.js';
import { inspectModel, type ModelInfo } from '../../core/model/index.js';
import { formatRate, plural, sentence } from '../../format.js';
import { datasetForm } from './candidates.js';

/** What is known of a file or folder that a field names. */
export interface Looked {
  readonly path: string;
  readonly problem?: string;
  readonly note?: string;
  readonly model?: ModelInfo;
}

/** Fields that name files and folders. */
const KINDS = { dataset: 'dataset', evalDataset: 'dataset', model: 'model', 'training.reference_model': 'model' } as const;
export type PathField = keyof typeof KINDS;
export const PATH_FIELDS = Object.keys(KINDS) as PathField[];

export function isPathField(field: string): field is PathField {
  return field in KINDS;
}

export function pathKind(field: PathField): 'dataset' | 'model' {
  return KINDS[field];
}

/** Looks at what a field names. An empty path names nothing, which is for the form to judge. */
export async function lookAt(field: PathField, file: string): Promise<Looked> {
  if (file === '') return { path: file };
  return pathKind(field) === 'model' ? lookAtModel(file) : lookAtDataset(file);
}

async function lookAtDataset(file: string): Promise<Looked> {
  let files: string[];
  try {
    files = (await findSources(file)).map((source) => source.path);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { path: file, problem: `${sentence(error.what)}: ${error.advice}` };
  }
  const [first] = files;
  const isFile = await vscode.workspace.fs.stat(vscode.Uri.file(first ?? file)).then(
    ({ type }) => (type & vscode.FileType.File) !== 0,
    () => false,
  );
  if (first === undefined || !isFile) return { path: file, problem: 'There is no such file' };
  const form = await datasetForm(first);
  // A file whose first row is broken may still be one: planning says what is wrong with it, and where.
  const parts = [...(files.length > 1 ? [plural(files.length, 'file')] : []), ...(form === undefined ? [] : [formDescriptions[form]])];
  return parts.length === 0 ? { path: file } : { path: file, note: parts.join(': ') };
}

async function lookAtModel(folder: string): Promise<Looked> {
  try {
    const model = await inspectModel(folder);
    const { parameters, dtypes, config } = model;
    const note = `${config.family}, ${formatRate(parameters)} parameters, ${dtypes.join(' and ')}, up to ${config.maxPositions} tokens`;
    return { path: folder, note, model };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const where = path.relative(folder, error.where);
    return { path: folder, problem: `${sentence(error.what)}${where === '' || where.startsWith('..') ? '' : ` (${where})`}: ${error.advice}` };
  }
}
