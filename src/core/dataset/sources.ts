import path from 'node:path';

/** One file of a dataset. */
export interface DatasetSource {
  /** Absolute. */
  readonly path: string;
  /** How often each of its pairs is trained on in an epoch; a fraction takes a random part of them. */
  readonly weight: number;
}

/** The files that a dataset's names mean. */
export async function findSources(names: string | readonly string[]): Promise<DatasetSource[]> {
  return [names].flat().map((name) => ({ path: path.resolve(name), weight: 1 }));
}
