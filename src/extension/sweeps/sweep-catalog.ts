import { stat } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { queueOf, readSweep, sweepFiles, type SweepRecord, wasLeft } from '../../core/sweep/index.js';
import type { Problems } from '../problems.js';
import type { RunStore } from '../runs/run-store.js';

/** How often records are looked at while somebody sees them. */
const POLL_MILLISECONDS = 1500;

/** A sweep of the workspace as its files say. */
export type SweepListing = {
  /** Its record, absolute. */
  readonly file: string;
  readonly name: string;
} & (
  | {
      readonly record: SweepRecord;
      /** A process works on it. */
      readonly isAtWork: boolean;
      /** One did, and is gone without a word. */
      readonly wasLeft: boolean;
      readonly problem?: undefined;
    }
  | { readonly problem: Error }
);

/** The sweeps of the workspace: read when they are asked for, and looked at again and again while they are shown. */
export class SweepCatalog implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  /** Records by file, as long as the file is the same. */
  readonly #records = new Map<string, { readonly key: string; readonly record: SweepRecord | Error | undefined }>();
  readonly onDidChange = this.#changed.event;
  #timer: NodeJS.Timeout | undefined;
  #shown = '';

  constructor(
    readonly store: RunStore,
    readonly problems: Problems,
  ) {}

  dispose(): void {
    clearInterval(this.#timer);
    this.#changed.dispose();
  }

  /** Looks at the records by itself from now on, or no longer. */
  follow(wanted: boolean): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!wanted) return;
    const look = (): void => void this.refresh().catch((error: unknown) => this.problems.log(error));
    this.#timer = setInterval(look, POLL_MILLISECONDS);
    look();
  }

  /** Looks at once, and tells of what is new. */
  async refresh(): Promise<void> {
    const before = this.#shown;
    await this.all();
    if (this.#shown !== before) this.#changed.fire();
  }

  /** By name. */
  async all(): Promise<SweepListing[]> {
    const files = (await Promise.all(this.store.runsFolders.map((runs) => sweepFiles(runs)))).flat();
    const listings = (await Promise.all(files.map((file) => this.#look(file)))).flat();
    for (const file of this.#records.keys()) if (!files.includes(file)) this.#records.delete(file);
    this.#shown = JSON.stringify(
      listings.map((listing) =>
        listing.problem === undefined
          ? [listing.file, this.#records.get(listing.file)?.key, listing.isAtWork, listing.wasLeft]
          : [listing.file, listing.problem.message],
      ),
    );
    return listings;
  }

  async #look(file: string): Promise<SweepListing[]> {
    const record = await this.#read(file);
    if (record === undefined) return [];
    const name = path.basename(path.dirname(file));
    if (record instanceof Error) return [{ file, name, problem: record }];
    const isAtWork = (await queueOf(file)) !== undefined;
    return [{ file, name: record.name ?? name, record, isAtWork, wasLeft: !isAtWork && (await wasLeft(file)) }];
  }

  async #read(file: string): Promise<SweepRecord | Error | undefined> {
    const key = await stat(file, { bigint: true }).then(
      ({ mtimeNs, ino, size }) => `${mtimeNs}/${ino}/${size}`,
      () => 'gone',
    );
    const known = this.#records.get(file);
    if (known?.key === key) return known.record;
    const record = await readSweep(file).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    this.#records.set(file, { key, record });
    return record;
  }
}
