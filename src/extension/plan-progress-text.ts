import type { Progress } from '../core/work/progress.js';
import { formatDuration, formatPercent, sentence } from '../format.js';

/** What planning is at, and how far. */
export function progressText({ phase, done, total, secondsLeft }: Progress): string {
  const text = PHASES[phase] ?? sentence(phase);
  if (total === 0) return text;
  const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`;
  return `${text} ${formatPercent(done / total)}${left}`;
}

const PHASES: Readonly<Record<string, string>> = {
  tokenise: 'Reading and tokenising',
  plan: 'Packing',
  write: 'Writing the plan',
};
