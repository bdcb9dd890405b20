import type { PairTokens, RowCharacters, RowTokens, RowTurns, Turn } from '../../core/checks/index.js';
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

/** Of a longer conversation the first turns and the last ones are shown, and of each text its beginning. */
const MOST_TURNS = 6;
const LONGEST_TEXT = 200;

/** What a row says, a line a turn. The texts are the file's own. */
export function turnLines({ prompt, chosen, rejected, pairs }: RowTurns): { readonly who: string; readonly what: string }[] {
  const line =
    (side: string) =>
    ({ role, text }: Turn) => ({
      // In a response the assistant speaks: that goes without saying.
      who: side === '' ? (role ?? 'prompt') : role === undefined || role === 'assistant' ? side : `${side} (${role})`,
      what: shortText(text),
    });
  const skipped = prompt.length - MOST_TURNS;
  const shown =
    skipped <= 0
      ? prompt.map(line(''))
      : [
          ...prompt.slice(0, MOST_TURNS / 2).map(line('')),
          { who: '…', what: plural(skipped, 'more turn') },
          ...prompt.slice(-MOST_TURNS / 2).map(line('')),
        ];
  return [
    ...shown,
    ...chosen.slice(0, MOST_TURNS).map(line('chosen')),
    ...rejected.slice(0, MOST_TURNS).map(line('rejected')),
    ...(pairs > 1 ? [{ who: '…', what: `the first of ${plural(pairs, 'pair')}` }] : []),
  ];
}

/** A text in one line, cut where it is long. */
function shortText(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return '(empty)';
  const characters = [...line.slice(0, 4 * LONGEST_TEXT)];
  return characters.length <= LONGEST_TEXT ? line : `${characters.slice(0, LONGEST_TEXT).join('')}…`;
}

const MOST_PAIRS = 6;

/** A row's tokens as a Markdown table with what sharing saves. Holds nothing of the file's own text. */
export function tokenTable({ pairs }: RowTokens): string {
  const columns = pairs.slice(0, MOST_PAIRS);
  const row = (name: string, value: (pair: PairTokens) => string): string => `| ${name} | ${columns.map(value).join(' | ')} |`;
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
    ...(pairs.length > MOST_PAIRS ? [`and ${plural(pairs.length - MOST_PAIRS, 'pair')} more`, ''] : []),
    `Sharing saves **${formatPercent(tokens)}** of the tokens` +
      (flops === undefined ? '' : ` and **${formatPercent(flops)}** of the FLOPs`),
  ].join('\n');
}

/** A row's lengths where no model counts tokens. */
export function characterTable({ prompt, chosen, rejected }: RowCharacters): string {
  return [
    `| | characters |`,
    '|:--|--:|',
    `| prompt | ${formatCount(prompt)} |`,
    `| chosen | ${formatCount(chosen)} |`,
    `| rejected | ${formatCount(rejected)} |`,
    '',
  ].join('\n');
}
