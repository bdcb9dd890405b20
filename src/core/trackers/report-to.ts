import { WishboneError } from '../errors.js';
import { choice, oneOrList, optional } from '../options/rule.js';

/** Trackers that a run's events are sent to, by transformers' names. */
export const TRACKERS = ['mlflow', 'trackio', 'wandb'] as const;
export type TrackerName = (typeof TRACKERS)[number];

/** What trackers are called among people. */
export const TRACKER_LABELS: Readonly<Record<TrackerName, string>> = { mlflow: 'MLflow', trackio: 'Trackio', wandb: 'Weights & Biases' };

/** What `report_to` may say: every run has TensorBoard's files, whether or not they are asked for. */
export const REPORT_TO = [...TRACKERS, 'tensorboard', 'none'] as const;
export type ReportTo = (typeof REPORT_TO)[number];

/** The rule of the field. */
export const REPORT_TO_RULE = optional(oneOrList(choice(REPORT_TO)));

/** The trackers that `report_to` names, each once. */
export function trackersOf(reportTo: ReportTo | readonly ReportTo[] | undefined): readonly TrackerName[] {
  const named = new Set<string>([reportTo ?? []].flat());
  return TRACKERS.filter((name) => named.has(name));
}

/** Names as somebody types them. @throws WishboneError for one that is none */
export function reportToOf(text: string): readonly ReportTo[] {
  const names = text
    .split(/[\s,]+/)
    .map((name) => name.toLowerCase())
    .filter((name) => name !== '');
  const stranger = names.find((name) => !(REPORT_TO as readonly string[]).includes(name));
  if (stranger === undefined) return names as ReportTo[];
  throw new WishboneError(`there is no tracker ${stranger} here`, 'reportTo', `write some of ${REPORT_TO.join(', ')}`);
}
