import { access } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { type DatasetForm, findSources, formDescriptions } from '../../core/dataset/index.js';
import { WishboneError } from '../../core/errors.js';
import {
  type HubPlan,
  type HubSettings,
  isHubName,
  type Named,
  nameDatasets,
  nameModel,
  peekModel,
  type Wanted,
} from '../../core/hub/index.js';
import { inspectModel, type ModelInfo } from '../../core/model/index.js';
import { formatRate, plural, sentence } from '../../format.js';
import { foundText, pageIn } from '../hub/hub-text.js';
import { datasetForm } from '../paths/look-at-dataset.js';
import { mayRead, NOT_READ } from '../trust.js';
import type { FollowedModel } from './following.js';

/** What is known of what a field names: a file or folder, the files of a dataset, or something on the hub. */
export interface Looked {
  /** What was looked at, as {@link RunDraft.name} has it; of several: one a line. */
  readonly name: string;
  /** Where it is, or will be once {@link missing} is fetched; files with their weights. */
  readonly paths: readonly string[];
  readonly missing: readonly HubPlan[];
  /** Those of a dataset. */
  readonly files?: readonly string[];
  readonly problem?: string;
  /** Address of a page where something can be done about the problem. */
  readonly page?: string;
  readonly note?: string;
  readonly model?: ModelInfo;
  /** What is known of a model before it is here. */
  readonly followed?: FollowedModel;
}

/** Of a dataset of many files only so many are read from to say what they are. */
const MOST_LOOKED_INTO = 8;

const NOT_ASKED = 'Not in the Hugging Face cache: the hub is asked once the workspace is trusted';

type Kind = 'dataset' | 'model' | 'reference' | 'adapter';

/** Fields that name files and folders. */
const KINDS = {
  dataset: 'dataset',
  evalDataset: 'dataset',
  model: 'model',
  'training.reference_model': 'reference',
  'training.adapter_name_or_path': 'adapter',
} as const satisfies Readonly<Record<string, Kind>>;
export type PathField = keyof typeof KINDS;
export const PATH_FIELDS = Object.keys(KINDS) as PathField[];

/** What of a repository is fetched. */
const WANTED: Readonly<Record<Exclude<Kind, 'dataset'>, Wanted>> = { model: 'model', reference: 'weights', adapter: 'adapter' };

export function isPathField(field: string): field is PathField {
  return field in KINDS;
}

/** What is chosen for a field. */
export function pathKind(field: PathField): 'dataset' | 'model' | 'adapter' {
  const kind: Kind = KINDS[field];
  return kind === 'reference' ? 'model' : kind;
}

/** How names are looked at. */
export interface LookMeans {
  readonly settings: () => Promise<HubSettings>;
  /** That ids are told from: what is a file there is none. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

/** Whether any of the names is an id of the hub. */
export function namesHub(field: PathField, names: readonly string[], folder: string): boolean {
  const kind = pathKind(field) === 'dataset' ? 'dataset' : 'model';
  return names.some((name) => isHubName(name, kind, folder));
}

/** Looks at what a field names: nothing, which is for the form to judge, one thing, or of a dataset several. @throws the signal's reason */
export async function lookAt(field: PathField, names: readonly string[], means: LookMeans): Promise<Looked> {
  const name = names.join('\n');
  const kind: Kind = KINDS[field];
  const nothing = { name, paths: names, missing: [] };
  if (names.length === 0) return nothing;
  let named: Named;
  try {
    named = kind === 'dataset' ? await nameDatasets(names, means) : await nameModel(names[0]!, WANTED[kind], means);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    if (!vscode.workspace.isTrusted && error.where === (await means.settings()).cache) return { ...nothing, problem: NOT_ASKED };
    const page = pageIn(error);
    return { ...nothing, problem: `${sentence(error.what)}: ${error.advice}`, ...(page === undefined ? {} : { page }) };
  }
  const { paths, snapshots, missing } = named;
  const base = { name, paths, missing };
  const found = snapshots.length === 0 ? undefined : foundText(snapshots, missing);
  const known =
    missing.length > 0
      ? await lookAhead(kind, missing[0]!, means)
      : kind === 'dataset'
        ? await lookAtDataset(paths)
        : kind === 'adapter'
          ? await lookAtAdapter(paths[0]!)
          : await lookAtModel(paths[0]!, kind === 'model');
  const notes = [known.note, found].filter((note) => note !== undefined);
  return { ...base, ...known, ...(notes.length === 0 ? {} : { note: notes.join(' · ') }) };
}

/** What can be known of something that is still to be fetched. */
async function lookAhead(kind: Kind, plan: HubPlan, { settings, signal }: LookMeans): Promise<Partial<Looked>> {
  if (kind !== 'model' && kind !== 'reference') return {};
  try {
    const { config, parameters } = await peekModel(await settings(), plan, signal);
    const note = `${config.family}, ${formatRate(parameters)} parameters, up to ${config.maxPositions} tokens`;
    return { note, followed: { parameters, config } };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return {
      problem: `${sentence(error.what)}: ${error.advice}`,
      page: pageIn({ advice: '', where: error.where.replace(/, field .*/, '') })!,
    };
  }
}

async function lookAtDataset(names: readonly string[]): Promise<Partial<Looked>> {
  let files: string[];
  try {
    files = (await findSources(names)).map((source) => source.path);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const which = names.length > 1 ? ` (${path.basename(error.where)})` : '';
    return { problem: `${sentence(error.what)}${which}: ${error.advice}` };
  }
  if (files.length === 0) return { problem: 'No such file' };
  const forms = new Set<DatasetForm>();
  for (const [index, file] of files.entries()) {
    const isFile = await vscode.workspace.fs.stat(vscode.Uri.file(file)).then(
      ({ type }) => (type & vscode.FileType.File) !== 0,
      () => false,
    );
    // Kept with its files: the one that is missing may be saved next.
    if (!isFile) return { files, problem: `No such file${files.length > 1 ? `: ${path.basename(file)}` : ''}` };
    const form = index < MOST_LOOKED_INTO ? await datasetForm(file) : undefined;
    // A file whose first row is broken may still be one: planning says what is wrong with it, and where.
    if (form !== undefined) forms.add(form);
  }
  const described = [...forms].map((form) => formDescriptions[form]).join(', ');
  const parts = [...(files.length > 1 ? [plural(files.length, 'file')] : []), ...(described === '' ? [] : [described])];
  return { files, ...(parts.length === 0 ? {} : { note: parts.join(': ') }) };
}

async function lookAtModel(folder: string, tokenizer: boolean): Promise<Partial<Looked>> {
  if (!mayRead(folder)) return { note: sentence(NOT_READ) };
  try {
    const model = await inspectModel(folder, { tokenizer });
    const { parameters, dtypes, config } = model;
    const note = `${config.family}, ${formatRate(parameters)} parameters, ${dtypes.join(' and ')}, up to ${config.maxPositions} tokens`;
    return { note, model, followed: model };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const where = path.relative(folder, error.where);
    return { problem: `${sentence(error.what)}${where === '' || where.startsWith('..') ? '' : ` (${where})`}: ${error.advice}` };
  }
}

/** Whether it fits the model is looked at when the run is planned. */
async function lookAtAdapter(folder: string): Promise<Partial<Looked>> {
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
    const isThere = await access(path.join(folder, name)).then(
      () => true,
      () => false,
    );
    if (!isThere) return { problem: 'The folder holds no PEFT adapter: give one with adapter_config.json and adapter_model.safetensors' };
  }
  return { note: 'LoRA adapter' };
}
