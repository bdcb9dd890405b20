import type * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { datasetId, type FoundRepository, modelId, searchHub } from '../../core/hub/index.js';
import { FAMILIES } from '../../core/model/index.js';
import { formatRate, sentence } from '../../format.js';
import { type Choice, separator } from '../paths/pick-list.js';
import { windowHub } from './hub-settings.js';

/** Texts that are shorter find everything. */
const SHORTEST = 2;

/**
 * What the hub has for a text that is typed into a list, and the text itself where it is an id.
 *
 * @param folder ids are told from its files
 */
export async function foundOnHub(kind: 'model' | 'dataset', text: string, folder: string, signal: AbortSignal): Promise<Choice<string>[]> {
  const id = kind === 'model' ? modelId(text, folder) : datasetId(text, folder);
  const typed: Choice<string>[] =
    id === undefined ? [] : [{ label: `$(cloud) ${text}`, description: 'as typed', alwaysShow: true, value: text }];
  const settings = await windowHub();
  if (settings.offline || text.length < SHORTEST) return typed;
  try {
    const found = await searchHub(settings, kind, text.replace(/[@#].*/, ''), signal);
    const others = found.filter(({ name }) => name !== text);
    return [...(typed.length + others.length === 0 ? [] : [separator<string>('on the hub')]), ...typed, ...others.map(choiceOf)];
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return [...typed, { label: `$(warning) ${sentence(error.what)}`, detail: error.advice, alwaysShow: true }];
  }
}

function choiceOf(found: FoundRepository): Choice<string> & vscode.QuickPickItem {
  const { name, downloads, gated } = found;
  const parts = [...(downloads === undefined ? [] : [`${formatRate(downloads)} downloads a month`]), ...(gated ? ['gated'] : [])];
  const detail = detailOf(found);
  // What it found the hub knows: the list must not look for the text in the name again.
  return { label: `$(cloud) ${name}`, description: parts.join(', '), alwaysShow: true, value: name, ...(detail === '' ? {} : { detail }) };
}

/** As far as its list says: what its config says in full is looked at once it is chosen. */
function detailOf({ family, parameters }: FoundRepository): string {
  if (family === undefined) return '';
  if (!FAMILIES.some(({ modelType }) => modelType === family))
    return `$(warning) the model type ${JSON.stringify(family)} is not supported`;
  return [family, ...(parameters === undefined ? [] : [`${formatRate(parameters)} parameters`])].join(', ');
}
