import { ExitCode, WishboneError } from '../errors.js';
import { freeBytes } from '../run/disk.js';
import type { WorkOptions } from '../work/progress.js';
import { fetchPlan, type HubPlan, mebibytes } from './fetch.js';
import type { HubSettings } from './settings.js';

/** How far several downloads are, as one. */
export interface FetchProgress {
  /** `org/name` of the one under way. */
  readonly name: string;
  readonly phase: 'download' | 'verify';
  /** Bytes, of all of them. */
  readonly done: number;
  readonly total: number;
  /** Over the last seconds, once that can be told. */
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
}

/**
 * Plans of one repository at one commit are one: the same files are named, and fetched, once. What is small and may be wrong comes
 * first: datasets, then models.
 */
export function mergePlans(plans: readonly HubPlan[]): HubPlan[] {
  const merged = new Map<string, HubPlan>();
  for (const plan of plans) {
    const other = merged.get(plan.snapshot.folder);
    if (other === undefined) {
      merged.set(plan.snapshot.folder, plan);
      continue;
    }
    const both = other.missing.filter(({ path: name }) => plan.missing.some((file) => file.path === name));
    const more = <T extends { path: string }>(a: readonly T[], b: readonly T[]): T[] => [
      ...a,
      ...b.filter(({ path: name }) => !a.some((file) => file.path === name)),
    ];
    merged.set(plan.snapshot.folder, {
      ...other,
      files: more(other.files, plan.files),
      missing: more(other.missing, plan.missing),
      // What an earlier attempt has brought of a file in both is counted in neither.
      bytes: Math.max(other.bytes, plan.bytes, other.bytes + plan.bytes - both.reduce((sum, { size }) => sum + size, 0)),
      listed: other.listed ?? plan.listed,
    });
  }
  return [...merged.values()].sort((a, b) => Number(isModel(a)) - Number(isModel(b)));
}

const isModel = ({ snapshot }: HubPlan): boolean => snapshot.id.kind === 'model';

/**
 * Fetches several plans, one after the other, as {@link fetchPlan} does. Free space is looked at for all of them before the first.
 *
 * @throws WishboneError; the signal's reason, and what has come stays
 */
export async function fetchAll(
  settings: HubSettings,
  plans: readonly HubPlan[],
  { signal, onProgress }: { readonly signal?: AbortSignal | undefined; readonly onProgress?: (progress: FetchProgress) => void } = {},
): Promise<void> {
  const all = mergePlans(plans);
  await checkRoom(settings, all);
  const total = all.reduce((sum, { missing }) => sum + missing.reduce((bytes, { size }) => bytes + size, 0), 0);
  const speed = new Speed();
  let before = 0;
  for (const plan of all) {
    const { name } = plan.snapshot.id;
    const report: WorkOptions['onProgress'] = ({ phase, done }) => {
      const sum = before + done;
      const bytesPerSecond = speed.at(sum);
      const secondsLeft = bytesPerSecond === undefined || bytesPerSecond <= 0 ? undefined : (total - sum) / bytesPerSecond;
      onProgress?.({ name, phase: phase === 'verify' ? 'verify' : 'download', done: sum, total, bytesPerSecond, secondsLeft });
    };
    await fetchPlan(settings, plan, { signal, onProgress: report });
    before += plan.missing.reduce((bytes, { size }) => bytes + size, 0);
  }
}

/** @throws WishboneError when the disk has too little room for all of them */
async function checkRoom({ cache }: HubSettings, plans: readonly HubPlan[]): Promise<void> {
  const [room, bytes] = [await freeBytes(cache), bytesOf(plans)];
  if (room === undefined || room >= bytes) return;
  const names = plans.map(({ snapshot }) => snapshot.id.name).join(' and ');
  const what = `the disk has ${mebibytes(room)} free, but ${names} need${plans.length === 1 ? 's' : ''} ${mebibytes(bytes)} more`;
  throw new WishboneError(what, cache, 'free some space, or set HF_HUB_CACHE to a folder on another disk', ExitCode.cannotWrite);
}

/** Bytes that plans still have to bring. */
export const bytesOf = (plans: readonly HubPlan[]): number => plans.reduce((sum, { bytes }) => sum + bytes, 0);

/** Milliseconds that a speed is told over. */
const STRETCH = 2000;

/** How fast bytes come, over the last seconds. */
export class Speed {
  #from: { readonly at: number; readonly done: number } | undefined;
  #bytesPerSecond: number | undefined;

  /** @param now milliseconds, of a clock that only goes forward */
  at(done: number, now = performance.now()): number | undefined {
    this.#from ??= { at: now, done };
    const { at, done: begun } = this.#from;
    if (now - at > STRETCH) {
      this.#bytesPerSecond = (1000 * Math.max(0, done - begun)) / (now - at);
      this.#from = { at: now, done };
    }
    return this.#bytesPerSecond;
  }
}
