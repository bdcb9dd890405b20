import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { identify, isAlive } from '../run/process-identity.js';
import { isElsewhere, type ProcessRecord, readProcessRecord, writeProcessRecord } from '../run/process-record.js';

/** The process that works on a sweep; undefined when none does, as far as can be told. */
export async function queueOf(sweepFile: string): Promise<ProcessRecord | undefined> {
  const record = await readProcessRecord(path.dirname(sweepFile));
  if (record === undefined || record.ended !== undefined) return undefined;
  return (await isElsewhere(record)) || (await isAlive(record)) ? record : undefined;
}

/**
 * Makes this process the one that works on a sweep.
 *
 * @returns ends that
 * @throws WishboneError when another one does
 */
export async function claimSweep(sweepFile: string): Promise<() => Promise<void>> {
  const folder = path.dirname(sweepFile);
  const other = await queueOf(sweepFile);
  if (other !== undefined && other.pid !== process.pid) {
    const on = other.host === undefined || other.host === hostname() ? '' : ` on ${other.host}`;
    const advice = 'see how it stands with --dry-run; --pause, --skip and --first tell it what to do';
    throw new WishboneError(`a process works on this sweep already: ${other.pid}${on}`, folder, advice);
  }
  await mkdir(folder, { recursive: true });
  const self = await identify(process.pid);
  if (self === undefined) return async () => undefined;
  const record: ProcessRecord = { ...self, host: hostname() };
  await writeProcessRecord(folder, record);
  return () => writeProcessRecord(folder, { ...record, ended: { exitCode: null, signal: null } });
}
