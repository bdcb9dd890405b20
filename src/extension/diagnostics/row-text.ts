import type { PairTokens, RowCharacters, RowTokens } from '../../core/checks/index.js';
import { formatCount, formatPercent, plural } from '../../format.js';

/** What sharing saves of a row: of its FLOPs where they are known, else of its tokens. */
function savedOf(pairs: readonly PairTokens[]): { tokens: number; flops: number | undefined } {
  const sum = (value: (pair: PairTokens) => number): number => pairs.reduce((total, pair) => total + value(pair), 0);
  const flops = pairs.every((pair) => pair.flops !== undefined)
    ? 1 - sum((pair) => pair.flops?.shared ?? 0) / sum((pair) => pair.flops?.naive ?? 0)
    : undefined;
  return { tokens: 1 - sum((pair) => pair.sharedTokens) / sum((pair) => pair.naiveTokens), flops };
}

/** The hint at the end of a row: prompt + chosen | rejected, and what sharing saves. */
export function hintText({ pairs }: RowTokens): string | undefined {
  const [first] = pairs;
  if (first === undefined) return undefined;
  const { tokens, flops } = savedOf(pairs);
  const saves = `saves ${formatPercent(flops ?? tokens)}`;
  if (pairs.length > 1) return `${plural(pairs.length, 'pair')} · ${saves}`;
  const { prompt, chosen, rejected } = first;
  return `${formatCount(prompt)} + ${formatCount(chosen - prompt)} | ${formatCount(rejected - prompt)} · ${saves}`;
}

/** The hint where no model counts tokens. */
export function characterHint({ prompt, chosen, rejected, pairs }: RowCharacters): string {
  if (pairs > 1) return plural(pairs, 'pair');
  return `${formatCount(prompt)} + ${formatCount(chosen)} | ${formatCount(rejected)} characters`;
}

const mostPairs = 6;

/** A row's tokens as a Markdown table with what sharing saves. Holds nothing of the file's own text. */
export function tokenTable({ pairs }: RowTokens): string {
  const columns = pairs.slice(0, mostPairs);
  const row = (name: string, value: (pair: PairTokens) => string): string =>
    `| ${name} | ${columns.map(value).join(' | ')} |`;
  const many = pairs.length > 1;
  const header = many ? columns.map((_, index) => `pair ${index + 1}`) : ['tokens'];
  const response = (side: 'chosen' | 'rejected') => (pair: PairTokens) => {
    const cut = pair.cut[side] > 0 ? ` (${formatCount(pair.cut[side])} cut off)` : '';
    return `${formatCount(pair[side] - pair.prompt)}${cut}`;
  };
  const { tokens, flops } = savedOf(pairs);
  return [
    `| | ${header.join(' | ')} |`,
    `|:--|${columns.map(() => '--:|').join('')}`,
    row('prompt', ({ prompt }) => formatCount(prompt)),
    row('chosen', response('chosen')),
    row('rejected', response('rejected')),
    row('shared prefix', ({ shared }) => formatCount(shared)),
    row('two sequences', ({ naiveTokens }) => formatCount(naiveTokens)),
    row('as a tree', ({ sharedTokens }) => formatCount(sharedTokens)),
    '',
    ...(pairs.length > mostPairs ? [`and ${plural(pairs.length - mostPairs, 'pair')} more`, ''] : []),
    `Sharing saves **${formatPercent(tokens)}** of the tokens` +
      (flops === undefined ? '' : ` and **${formatPercent(flops)}** of the FLOPs`),
  ].join('\n');
}

/** A row's lengths where no model counts tokens. */
export function characterTable({ prompt, chosen, rejected, pairs }: RowCharacters): string {
  return [
    `| | characters |`,
    '|:--|--:|',
    `| prompt | ${formatCount(prompt)} |`,
    `| chosen | ${formatCount(chosen)} |`,
    `| rejected | ${formatCount(rejected)} |`,
    '',
    ...(pairs > 1 ? [`the first of ${plural(pairs, 'pair')}`, ''] : []),
  ].join('\n');
}
