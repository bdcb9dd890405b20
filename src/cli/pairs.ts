import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  PAIR_VIEW_NAMES,
  PAIR_VIEWS,
  placeOf,
  type PairRow,
  type PairsOf,
  type PairTable,
  type PairViewName,
  readPairTable,
  sorted,
} from '../core/pairs/index.js';
import { type DatasetReference, readRun, type RunConfig, RUNS_FOLDER } from '../core/run/index.js';
import { findRun, RUN_HELP } from './find-run.js';
import { figure } from './run-text.js';
import { grouped, table } from './terminal.js';

const SORTS = {
  change: ({ change = NaN }: PairRow) => change,
  margin: ({ now }: PairRow) => now,
  loss: ({ loss }: PairRow) => -loss,
  label: ({ evidence }: PairRow) => evidence,
  row: ({ row }: PairRow) => row,
} as const;
type Sort = keyof typeof SORTS;

interface Options {
  readonly runs: string;
  readonly of: PairsOf;
  readonly view?: PairViewName;
  readonly sort?: Sort;
  readonly top: number;
  readonly json?: boolean;
}

export function addPairsCommand(program: Command): void {
  const views = PAIR_VIEW_NAMES.map((name) => `  ${name}: ${PAIR_VIEWS[name].help}`).join('\n');
  program
    .command('pairs')
    .summary('what became of each pair of a run')
    .description(`Lists the pairs of a run with their margins, as they were trained on or evaluated.\n\nViews:\n${views}`)
    .argument('<run>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .addOption(new Option('--of <pairs>', 'which pairs').choices(['train', 'evaluation']).default('train'))
    .addOption(new Option('--view <view>', 'only pairs that it is about, in its order').choices(PAIR_VIEW_NAMES))
    .addOption(
      new Option('--sort <by>', 'lowest first, loss: highest first (default: the order of the view, or change)').choices(
        Object.keys(SORTS),
      ),
    )
    .option('--top <count>', 'so many; 0: all', count, 20)
    .option('--json', 'print one JSON object')
    .action(pairsCommand);
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('give a whole number, 0 or more');
  return Number(text);
}

async function pairsCommand(named: string, options: Options): Promise<void> {
  const folder = await findRun(named, options.runs);
  const { config } = await readRun(folder);
  const all = await readPairTable(folder, config, options.of);
  const found = select(all, options);
  const shown = options.top === 0 ? found : found.slice(0, options.top);
  const dataset = options.of === 'evaluation' ? config.eval_dataset : config.dataset;
  if (options.json) {
    const pairs = shown.map(({ pair: _, ...facts }) => ({ ...facts, ...placeOf(dataset, facts.row) }));
    console.log(JSON.stringify({ run: folder, of: options.of, seen: all.pairs.length, found: found.length, pairs }));
    return;
  }
  console.log(summary(all, found, options, config));
  if (shown.length === 0) return;
  console.log();
  console.log(
    table(
      ['row', 'margin', 'start', 'change', 'loss', 'label', 'seen', 'step', 'tokens', ...(hasSources(all) ? ['source'] : [])],
      shown.map((pair) => cells(pair, dataset)),
    ),
  );
  if (shown.length < found.length) console.log(`\n${grouped(found.length - shown.length)} more: --top 0 lists all`);
}

function select(all: PairTable, { view, sort }: Pick<Options, 'view' | 'sort'>): readonly PairRow[] {
  const of = view === undefined ? all.pairs : PAIR_VIEWS[view].select(all);
  return sort === undefined && view !== undefined ? of : sorted(of, SORTS[sort ?? 'change']);
}

function summary(all: PairTable, found: readonly PairRow[], { view, of }: Options, { name }: RunConfig): string {
  const seen = `${grouped(all.pairs.length)} ${of === 'train' ? 'pairs trained on' : 'pairs evaluated'} in ${name}`;
  if (view === undefined) return seen;
  const { label, help } = PAIR_VIEWS[view];
  return `${label}: ${grouped(found.length)} of ${seen}\n${help}`;
}

function cells(pair: PairRow, dataset: DatasetReference | undefined): string[] {
  const { file, fileRow } = placeOf(dataset, pair.row);
  return [
    file === undefined ? String(fileRow) : `${path.basename(file)}:${fileRow}`,
    figure(pair.now, 3),
    figure(pair.start, 3),
    figure(pair.change, 3),
    figure(pair.loss, 3),
    figure(pair.evidence, 2),
    String(pair.seen),
    String(pair.step),
    `${pair.chosenTokens}/${pair.rejectedTokens}`,
    ...(pair.source === undefined ? [] : [pair.source]),
  ];
}

function hasSources({ pairs }: PairTable): boolean {
  return pairs.some(({ source }) => source !== undefined);
}
