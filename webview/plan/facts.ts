import { formatCount, formatPercent } from '../../src/format.js';
import type { PlanHeader } from '../../src/protocol/plan.js';
import { element } from '../ui/dom.js';

const SHARING: Readonly<Record<string, string>> = {
  none: 'none: naive pairing',
  pair: "pair: a pair's common prefix",
  tree: 'tree: every common prefix of a step',
};

/** The line of facts below a plan's name. */
export function planFacts(plan: PlanHeader): HTMLElement[] {
  const saved = 1 - plan.planTokens / plan.naiveTokens;
  const facts: readonly (readonly [label: string, value: string, title?: string | undefined])[] = [
    ['Dataset', plan.datasetName, plan.datasetPath],
    ['Model', plan.modelName],
    ['Sharing', plan.sharing, SHARING[plan.sharing]],
    ['Capacity', `${formatCount(plan.capacity)} tokens`, 'Maximum tokens in a bin'],
    ['Pairs', formatCount(plan.pairs)],
    ['Tokens', `${formatCount(plan.planTokens)} of ${formatCount(plan.naiveTokens)} (${formatPercent(saved)} saved)`],
  ];
  return facts.map(([label, value, title = '']) =>
    element('span', title === '' ? {} : { title }, `${label} `, element('span', { class: 'value' }, value)),
  );
}
