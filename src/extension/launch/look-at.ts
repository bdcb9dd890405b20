import path from 'node:path';

import * as vscode from 'vscode';

import { type DatasetForm, findSources, formDescriptions } from '../../core/dataset/index.js';
import { WishboneError } from '../../core/errors.js';
import { inspectModel, type ModelInfo } from '../../core/model/index.js';
import { formatRate, plural, sentence } from '../../format.js';
import { datasetForm } from './candidates.js';

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

/** Fields that name files and folders. */
const KINDS = { dataset: 'dataset', evalDataset: 'dataset', model: 'model', 'training.reference_model': 'model' } as const;
export type PathField = keyof typeof KINDS;
/** So many different forms are named; files beyond are not looked into. */
const MOST_FORMS = 3;
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
  const forms = new Set<DatasetForm>();
  for (const file of files) {
    const isFile = await vscode.workspace.fs.stat(vscode.Uri.file(file)).then(
      ({ type }) => (type & vscode.FileType.File) !== 0,
      () => false,
    );
    if (!isFile) return { path: names, problem: `There is no such file${files.length > 1 ? `: ${path.basename(file)}` : ''}` };
    if (forms.size > 0 && forms.size === MOST_FORMS) continue;
    const form = await datasetForm(file);
    // A file whose first row is broken may still be one: planning says what is wrong with it, and where.
    if (form !== undefined) forms.add(form);
  }
  const described = [...forms].map((form) => formDescriptions[form]).join(', ');
  const parts = [...(files.length > 1 ? [plural(files.length, 'file')] : []), ...(described === '' ? [] : [described])];
  return { path: names, files, ...(parts.length === 0 ? {} : { note: parts.join(': ') }) };
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
