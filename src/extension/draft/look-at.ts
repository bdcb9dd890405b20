import path from 'node:path';

import * as vscode from 'vscode';

import { type DatasetForm, findSources, formDescriptions } from '../../core/dataset/index.js';
import { WishboneError } from '../../core/errors.js';
import { inspectModel, type ModelInfo } from '../../core/model/index.js';
import { formatRate, plural, sentence } from '../../format.js';
import { datasetForm } from '../paths/look-at-dataset.js';
import { mayRead, NOT_READ } from '../trust.js';

/** What is known of a file or folder that a field names, or of the files. */
export interface Looked {
  /** Of several files: one a line. */
  readonly path: string;
  /** Those of a dataset. */
  readonly files?: readonly string[];
  readonly problem?: string;
  readonly note?: string;
  readonly model?: ModelInfo;
}

/** Of a dataset of many files only so many are read from to say what they are. */
const MOST_LOOKED_INTO = 8;

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

/** Looks at what a field names, datasets one a line. An empty path names nothing, which is for the form to judge. */
export async function lookAt(field: PathField, file: string): Promise<Looked> {
  if (file === '') return { path: file };
  return pathKind(field) === 'model' ? lookAtModel(file) : lookAtDataset(file);
}

async function lookAtDataset(names: string): Promise<Looked> {
  let files: string[];
  try {
    files = (await findSources(names.split('\n'))).map((source) => source.path);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const which = names.includes('\n') ? ` (${path.basename(error.where)})` : '';
    return { path: names, problem: `${sentence(error.what)}${which}: ${error.advice}` };
  }
  if (files.length === 0) return { path: names, problem: 'No such file' };
  const forms = new Set<DatasetForm>();
  for (const [index, file] of files.entries()) {
    const isFile = await vscode.workspace.fs.stat(vscode.Uri.file(file)).then(
      ({ type }) => (type & vscode.FileType.File) !== 0,
      () => false,
    );
    // Kept with its files: the one that is missing may be saved next.
    if (!isFile) return { path: names, files, problem: `No such file${files.length > 1 ? `: ${path.basename(file)}` : ''}` };
    const form = index < MOST_LOOKED_INTO ? await datasetForm(file) : undefined;
    // A file whose first row is broken may still be one: planning says what is wrong with it, and where.
    if (form !== undefined) forms.add(form);
  }
  const described = [...forms].map((form) => formDescriptions[form]).join(', ');
  const parts = [...(files.length > 1 ? [plural(files.length, 'file')] : []), ...(described === '' ? [] : [described])];
  return { path: names, files, ...(parts.length === 0 ? {} : { note: parts.join(': ') }) };
}

async function lookAtModel(folder: string): Promise<Looked> {
  if (!mayRead(folder)) return { path: folder, note: sentence(NOT_READ) };
  try {
    const model = await inspectModel(folder);
    const { parameters, dtypes, config } = model;
    const note = `${config.family}, ${formatRate(parameters)} parameters, ${dtypes.join(' and ')}, up to ${config.maxPositions} tokens`;
    return { path: folder, note, model };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const where = path.relative(folder, error.where);
    return {
      path: folder,
      problem: `${sentence(error.what)}${where === '' || where.startsWith('..') ? '' : ` (${where})`}: ${error.advice}`,
    };
  }
}
