import type { DatasetForm } from '../../core/dataset/index.js';
import { DatasetProbe, type Probed } from '../../core/probe/index.js';
import { isBinaryDataset, mayRead } from '../trust.js';

let probe: DatasetProbe | undefined;

/** What is known of a file after a look at its first row, which another process takes. */
export async function lookAtDataset(file: string): Promise<Probed> {
  if (isBinaryDataset(file) && !mayRead(file)) return {};
  probe ??= new DatasetProbe();
  return probe.look(file);
}

/** The form of a preference file; undefined when it is not one, or cannot be read. */
export async function datasetForm(file: string): Promise<DatasetForm | undefined> {
  return (await lookAtDataset(file)).form;
}
