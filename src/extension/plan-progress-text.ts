import type { Progress } from '../core/progress.js';
import { formatPercent, sentence } from '../format.js';

/** What planning is at, and how far. */
export function progressText({ phase, done, total }: Progress): string {
  const text = PHASES[phase] ?? sentence(phase);
  return total > 0 ? `${text} ${formatPercent(done / total)}` : text;
}

const PHASES: Readonly<Record<string, string>> = {
  tokenise: 'Reading and tokenising',
  plan: 'Packing',
  write: 'Writing the plan',
};
