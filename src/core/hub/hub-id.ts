import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileKind } from '../dataset/file-kinds.js';

/** What a repository of the hub holds. */
export type RepositoryKind = 'model' | 'dataset';

/** A repository of the hub at a revision, as somebody names it: `org/name`, `org/name@revision`. */
export interface HubId {
  readonly kind: RepositoryKind;
  /** `org/name` */
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** A part of a dataset: `org/name@revision#split`, `org/name@revision#config/split`. */
export interface HubDatasetId extends HubId {
  readonly kind: 'dataset';
  /** What stands behind `#`, in one or two parts; which of them is which the dataset itself says. */
  readonly part: readonly string[];
}

export const DEFAULT_REVISION = 'main';

/** As `huggingface_hub` has it: no `--`, no `..`, and neither `-` nor `.` at an end. */
const PIECE = /^(?!.*(--|\.\.))[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;
/** As git has it, and nothing that leads out of a folder. */
const REVISION = /^(?!.*(\.\.|\/\/|\/$))[A-Za-z0-9_][\w./+-]{0,199}$/;

/**
 * The model or adapter that a text names on the hub; undefined when it is a path: something is there, or it has another form.
 *
 * @param folder that relative paths count from
 */
export function modelId(text: string, folder = '.'): HubId | undefined {
  const id = idOf(text, folder);
  return id === undefined || id.part !== undefined ? undefined : { kind: 'model', name: id.name, revision: id.revision };
}

/** The same of a dataset. A name that ends as a file of pairs does is a file's, or `dataset_info.json#name`. */
export function datasetId(text: string, folder = '.'): HubDatasetId | undefined {
  const id = idOf(text, folder);
  if (id === undefined || fileKind(id.name).kind !== undefined || fileKind(id.name).packing !== undefined) return undefined;
  const part = id.part?.split('/') ?? [];
  if (part.length > 2 || part.some((name) => !/^[\w.-]+$/.test(name))) return undefined;
  return { kind: 'dataset', name: id.name, revision: id.revision, part };
}

/** A dataset's name that may end with a weight (`:0.5`), which is the second part with its colon, else empty. */
export function weightedDatasetId(text: string, folder = '.'): readonly [id: HubDatasetId | undefined, weight: string] {
  const [, bare, weight] = /^(.+?)(:(?:\d+(?:\.\d+)?|\.\d+))$/.exec(text) ?? [];
  return bare === undefined || weight === undefined ? [datasetId(text, folder), ''] : [datasetId(bare, folder), weight];
}

/** As somebody would type it. */
export function idText({ name, revision, part = [] }: HubId & { readonly part?: readonly string[] }): string {
  return `${name}${revision === DEFAULT_REVISION ? '' : `@${revision}`}${part.length === 0 ? '' : `#${part.join('/')}`}`;
}

interface Parts {
  readonly name: string;
  readonly revision: string;
  readonly part: string | undefined;
}

function idOf(text: string, folder: string): Parts | undefined {
  const found = /^([^/@#\s]+\/[^/@#\s]+)(?:@([^@#\s]+))?(?:#([^@#\s]+))?$/.exec(text);
  const [, name = '', atRevision, part] = found ?? [];
  if (!name.split('/').every((piece) => PIECE.test(piece))) return undefined;
  if (atRevision !== undefined && !REVISION.test(atRevision)) return undefined;
  // What is there goes before what might be elsewhere.
  if ([text, name].some((file) => existsSync(path.resolve(folder, file)))) return undefined;
  return { name, revision: atRevision ?? DEFAULT_REVISION, part };
}
