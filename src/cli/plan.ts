import path from 'node:path';
import type { Command } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { type CardForecast, CARDS_CONNECTION, forecastRunAndCards, type RunTime, suitedCapacity } from '../core/forecast/index.js';
import { openPlain } from '../core/files/plain-file.js';
import { type PlanSummary, sharingAdvice } from '../core/prepare/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { runTask } from '../core/tasks/index.js';
import { formatEpochs, formatPercent } from '../format.js';
import { fromHub } from './hub.js';
import { cancellable } from './interrupt.js';
import { addDatasetOptions, addOptions, DATASET_HELP, MODEL_HELP, planOptionNames, readWholeInput } from './options.js';
import { predictedRows } from './run-text.js';
import { clock, columns, grouped, progressText, StatusLine } from './terminal.js';
import { dataWarnings, unusedRows } from './unused.js';

interface Options extends Record<string, unknown> {
  readonly out?: string;
  readonly evalOut?: string;
  readonly json?: boolean;
}

export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .summary('count tokens, steps and bins, and what sharing saves')
    .description('Reads a preference file, tokenises it for a model, and reports what training on it takes.')
    .argument('<dataset...>', DATASET_HELP)
    .option('-m, --model <folder>', MODEL_HELP)
    .option('-o, --out <file>', 'write the plan to this file')
    .option('--eval-out <file>', 'write the plan of the held-out pairs to this file')
    .option('--json', 'print one JSON object');
  addDatasetOptions(command);
  addOptions(command, 'plan', planOptionNames, true);
  command.action(planCommand);
}

async function planCommand(files: readonly string[], options: Options): Promise<void> {
  const status = new StatusLine();
  const request = await fromHub(await readWholeInput(files, options), status);
  const [out, evalOut] = [options.out, options.evalOut].map((file) => file && path.resolve(file));
  for (const file of [out, evalOut]) if (file) await refuseOtherFile(file);
  const { config: _, ...given } = request;
  const plain = { ...given, autoCapacity: given.plan.capacity === 'auto' ? await suitedCapacity(given) : undefined };
  const onProgress = (progress: Parameters<typeof progressText>[0]): void => status.show(progressText(progress));
  const summary = await cancellable((signal) => runTask('plan', { request: plain, out, evalOut }, { signal, onProgress })).finally(() =>
    status.clear(),
  );
  // Of a run that is started here.
  const { time, cards } = await forecastRunAndCards({ ...given, summary, runsFolders: [path.resolve(given.runs ?? RUNS_FOLDER)] });
  if (options.json) for (const warning of dataWarnings(summary)) console.error(warning);
  if (options.json)
    console.log(
      JSON.stringify({ ...summary, time, ...(cards ? { cards } : {}), ...(out ? { out } : {}), ...(evalOut ? { evalOut } : {}) }),
    );
  else console.log(planReport(summary, { out, time, cards }));
}

/** A plan may replace a plan, nothing else: a slip in `--out` must not cost anyone a file. */
async function refuseOtherFile(file: string): Promise<void> {
  let handle;
  try {
    handle = await openPlain(file);
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new WishboneError(`cannot write there (${(error as Error).message})`, file, 'choose another file name', ExitCode.cannotWrite);
  }
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(size, 4096));
    await handle.read(head, 0, head.length, 0);
    if (size > 0 && !head.toString('latin1').includes('wishbone-plan')) {
      throw new WishboneError(
        'this file exists and is not a plan',
        file,
        'choose another file name, or delete the file',
        ExitCode.cannotWrite,
      );
    }
  } finally {
    await handle.close();
  }
}

function fileRow({ path: file, form, pairs, weight }: PlanSummary['files'][number], index: number): [string, string] {
  const times = weight === 1 ? '' : `, used ${weight} times`;
  return [index === 0 ? 'files' : '', `${path.basename(file)}: ${grouped(pairs)} pairs (${form})${times}`];
}

function sourceRow({ name, pairs }: PlanSummary['sources'][number], index: number): [string, string] {
  return [index === 0 ? 'sources' : '', `${name}: ${grouped(pairs)} pairs`];
}

/** A plan in words. */
export function planReport(
  plan: PlanSummary,
  {
    out,
    time,
    cards = [],
  }: {
    readonly out?: string | undefined;
    readonly time?: RunTime | undefined;
    readonly cards?: readonly CardForecast[] | undefined;
  } = {},
): string {
  const { skipped, full, partial } = plan.tiles;
  const rows: [string, string][] = [
    ...(plan.files.length > 1 ? plan.files.map(fileRow) : []),
    ['pairs', `${grouped(plan.pairs)}${plan.epochs === 1 ? '' : ` × ${formatEpochs(plan.epochs)}`} (${plan.form})`],
    ...plan.sources.map(sourceRow),
    ['steps', grouped(plan.steps)],
    [
      'bins',
      `${grouped(plan.bins)} of up to ${grouped(plan.capacity)} tokens (at least ${grouped(plan.binsLowerBound)}), ${formatPercent(plan.fill)} full`,
    ],
    ['slowest bin', `${formatPercent(plan.slowestOverMean - 1)} above the mean of its step`],
    ['tokens', `${grouped(plan.planTokens)}, naive pairing ${grouped(plan.naiveTokens)}`],
    ['token ratio', `${plan.tokenRatio.toFixed(2)} (naive / ${plan.sharing === 'none' ? 'this plan' : 'shared'})`],
    ['FLOPs ratio', plan.flopsRatio.toFixed(2)],
    ['predicted', `${plan.predictedSpeedup.toFixed(2)}× naive pairing, ${plan.predictedSpeedupUnpacked.toFixed(2)}× without packing`],
    ['attention', `${formatPercent(skipped / (skipped + full + partial))} of the tiles skipped`],
  ];
  if (plan.droppedByMargin > 0) {
    const margin = 'of equal rank or score, or closer than min-margin';
    rows.push(['not paired', `${grouped(plan.droppedByMargin)} pairs: ${margin}; ${grouped(plan.pairsMade)} made`]);
  }
  if (plan.evalPairs > 0) rows.push(['held out', `${grouped(plan.evalPairs)} pairs for evaluation`]);
  if (plan.promptsCut > 0) {
    rows.push(['prompts cut', `${grouped(plan.promptsCut)} at the start, by ${grouped(plan.promptTokensCut)} tokens`]);
  }
  if (plan.truncated > 0) {
    rows.push(['cut to length', `${grouped(plan.truncated)} pairs, by ${grouped(plan.truncatedTokens)} tokens`]);
  }
  if (plan.skipped > 0) {
    const lines = plan.skippedLines.slice(0, 8).join(', ');
    const more = plan.skipped > 8 ? ', …' : '';
    rows.push(['too long', `${grouped(plan.skipped)} pairs left out because max-length cuts off a whole response (at ${lines}${more})`]);
  }
  const advice = sharingAdvice(plan.commonPrompts, plan, grouped);
  if (advice !== undefined) rows.push(['in common', advice.text]);
  rows.push(...predictedRows(time), ...cards.map(cardRow));
  if (cards.length > 0) rows.push(['', `connected by ${CARDS_CONNECTION.name}`]);
  rows.push(...unusedRows(plan));
  if (out !== undefined) rows.push(['written to', out]);
  return [columns(rows), ...dataWarnings(plan)].join('\n\n');
}

function cardRow({ cards, seconds, communication, exposed, shard }: CardForecast): [string, string] {
  const ms = (time: number): string => `${(1000 * time).toFixed(1)} ms`;
  const kept = shard === 'none' ? '' : `, sharding ${shard}`;
  const sent = cards === 1 ? '' : `, communication ${ms(communication)} a step, ${ms(exposed)} of it waited for${kept}`;
  return [cards === 1 ? '1 card' : `${cards} cards`, `${clock(seconds)}${sent}`];
}
