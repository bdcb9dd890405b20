import { homeFolder } from '../../core/files/home-folder.js';
import { bytesOf, type FetchProgress, type HubPlan, type HubSettings, idText, type Snapshot } from '../../core/hub/index.js';
import { formatBytes, formatDuration, plural } from '../../format.js';

/** Digits of a commit that people compare. */
const DIGITS = 12;

const commitText = (commit: string): string => `commit ${commit.slice(0, DIGITS)}`;

/** "wish/pairs at commit 0123456789ab, in the cache; wish/more: 3 files, 2.1 GiB to download, at commit …" */
export function foundText(snapshots: readonly Snapshot[], missing: readonly HubPlan[]): string {
  const each = [...new Map(snapshots.map((snapshot) => [idText(snapshot.id), snapshot])).values()];
  const several = each.length > 1;
  return each
    .map((snapshot) => {
      const plans = missing.filter((plan) => plan.snapshot === snapshot);
      const where = plans.length === 0 ? 'in the Hugging Face cache' : plans.map(neededText).join(', ');
      const renamed = plans.find((plan) => plan.renamed !== undefined)?.renamed;
      const now = renamed === undefined ? '' : `, now called ${renamed}`;
      return `${several ? `${idText(snapshot.id)}: ` : ''}${where}${now}, ${commitText(snapshot.commit)}`;
    })
    .join('; ');
}

const neededText = (plan: HubPlan): string => `${plural(plan.missing.length, 'file')}, ${formatBytes(plan.bytes)} to download`;

/** A plan as a line of what is to be downloaded. */
export function planText(plan: HubPlan): { readonly name: string; readonly detail: string } {
  const { snapshot, missing } = plan;
  return {
    name: idText(snapshot.id),
    detail: `${formatBytes(plan.bytes)} in ${plural(missing.length, 'file')}, ${commitText(snapshot.commit)}`,
  };
}

/** "2.3 GiB from huggingface.co into ~/.cache/huggingface/hub, where 120 GiB are free" */
export function routeText(plans: readonly HubPlan[], { endpoint, cache }: HubSettings, free: number | undefined): string {
  const home = homeFolder();
  const shown = cache.startsWith(`${home}/`) ? `~${cache.slice(home.length)}` : cache;
  const room = free === undefined ? '' : `, where ${formatBytes(free)} are free`;
  return `${formatBytes(bytesOf(plans))} from ${hostOf(endpoint)} into ${shown}${room}`;
}

function hostOf(endpoint: string): string {
  try {
    return new URL(endpoint).host;
  } catch {
    return endpoint;
  }
}

/** "412 MiB of 953 MiB, 38 MiB/s, 14 s left" */
export function fetchText({ name, phase, done, total, bytesPerSecond, secondsLeft }: FetchProgress): string {
  if (phase === 'verify') return `${name}: checking`;
  const pace = bytesPerSecond === undefined ? '' : `, ${formatBytes(bytesPerSecond)}/s`;
  const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`;
  return `${name}: ${formatBytes(done)} of ${formatBytes(total)}${pace}${left}`;
}

/** The page that an error about the hub leads to: the first address of its advice, else where it happened. */
export function pageIn({ advice, where }: { readonly advice: string; readonly where: string }): string | undefined {
  const found = /https?:\/\/[^\s,;()`]+/.exec(advice)?.[0] ?? (/^https?:\/\//.test(where) ? where : undefined);
  return found?.replace(/[.:]+$/, '');
}
