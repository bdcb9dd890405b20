import { WishboneError } from '../../core/errors.js';
import { datasetId, datasetPartNames } from '../../core/hub/index.js';
import { windowHub } from '../hub/hub-settings.js';
import { firstFolder } from '../workspace.js';
import { pickFrom } from './pick-list.js';

/** Of a dataset of the hub that has several parts, asks which; anything else is what it was. Undefined when it was given up. */
export async function pickPart(name: string): Promise<string | undefined> {
  const id = datasetId(name, firstFolder());
  if (id === undefined || id.part.length > 0) return name;
  let parts: string[];
  try {
    parts = await datasetPartNames(await windowHub(), id);
  } catch (error) {
    // The form says what is wrong with it, where it stays.
    if (error instanceof WishboneError) return name;
    throw error;
  }
  if (parts.length < 2) return name;
  const picked = await pickFrom<string>({
    title: 'Part of the Dataset',
    placeholder: `${id.name} has several: the pairs to train on`,
    fill: (show) =>
      show(parts.map((part) => ({ label: `$(list-unordered) ${part.slice(part.indexOf('#') + 1)}`, description: id.name, value: part }))),
  });
  return typeof picked === 'string' ? undefined : picked.value;
}
