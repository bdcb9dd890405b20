import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { preparePlan, type PlanSummary } from '../core/prepare.js';
import { writePlan } from '../core/plan/index.js';
import { cancellable } from './interrupt.js';
import { addOptions, datasetHelp, planOptionNames, readWholeInput } from './options.js';
import { columns, grouped, progressText, StatusLine } from './terminal.js';

interface Options extends Record<string, unknown> {
  readonly out?: string;
  readonly json?: boolean;
}

export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .summary('count tokens, steps and bins, and what sharing saves')
    .description('Reads a preference file, tokenises it for a model, and says what training on it takes.')
    .argument('<dataset>', datasetHelp)
    .option('-m, --model <folder>', 'Hugging Face model folder')
    .option('-o, --out <file>', 'write the plan to this file')
    .option('--json', 'print one JSON object');
  addOptions(command, 'plan', planOptionNames, true);
  command.action(planCommand);
}

async function planCommand(argument: string, options: Options): Promise<void> {
  const { dataset, model, plan } = await readWholeInput(argument, options);
  const status = new StatusLine();
  const out = options.out === undefined ? undefined : path.resolve(options.out);
  if (out !== undefined) await refuseOtherFile(out);
  const summary = await cancellable(async (signal) => {
    try {
      const work = {
        signal,
        onProgress: (progress: Parameters<typeof progressText>[0]) => status.show(progressText(progress)),
      };
      const prepared = await preparePlan({ dataset, model, plan }, work);
      if (out !== undefined) await writePlan(out, prepared.plan);
      return prepared.summary;
    } finally {
      status.clear();
    }
  });
  if (options.json) console.log(JSON.stringify({ ...summary, ...(out === undefined ? {} : { out }) }));
  else console.log(planReport(summary, out));
}

/** A plan may replace a plan, nothing else: a slip in `--out` must not cost anyone a file. */
async function refuseOtherFile(file: string): Promise<void> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new WishboneError(
      `cannot write there (${(error as Error).message})`,
      file,
      'choose another file name',
      ExitCode.cannotWrite,
    );
  }
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(size, 4096));
    await handle.read(head, 0, head.length, 0);
    if (size > 0 && !head.toString('latin1').includes('wishbone-plan')) {
      throw new WishboneError(
        'this file exists and is no plan',
        file,
        'choose another file name, or remove the file',
        ExitCode.cannotWrite,
      );
    }
  } finally {
    await handle.close();
  }
}

/** A plan in words. */
export function planReport(plan: PlanSummary, out?: string): string {
  const { skipped, full, partial } = plan.tiles;
  const rows: [string, string][] = [
    ['pairs', `${grouped(plan.pairs)}${plan.epochs === 1 ? '' : ` × ${Number(plan.epochs.toFixed(2))} epochs`} (${plan.form})`],
    ['steps', grouped(plan.steps)],
    ['bins', `${grouped(plan.bins)} (at least ${grouped(plan.binsLowerBound)}), ${percent(plan.fill)} full`],
    ['slowest bin', `${percent(plan.slowestOverMean - 1)} above the mean of its step`],
    ['tokens', `${grouped(plan.planTokens)}, naive pairing ${grouped(plan.naiveTokens)}`],
    ['token ratio', `${plan.tokenRatio.toFixed(2)} (naive / ${plan.sharing === 'none' ? 'this plan' : 'shared'})`],
    ['FLOPs ratio', plan.flopsRatio.toFixed(2)],
    [
      'predicted',
      `${plan.predictedSpeedup.toFixed(2)}× naive pairing, ${plan.predictedSpeedupUnpacked.toFixed(2)}× without packing`,
    ],
    ['attention', `${percent(skipped / (skipped + full + partial))} of the tiles skipped`],
  ];
  if (plan.droppedByMargin > 0) {
    const margin = 'of equal rank or score, or closer than min-margin';
    rows.push(['not made', `${grouped(plan.droppedByMargin)} pairs: ${margin}; ${grouped(plan.pairsMade)} made`]);
  }
  if (plan.truncated > 0) rows.push(['cut to length', `${grouped(plan.truncated)} pairs`]);
  if (plan.skipped > 0) {
    const lines = plan.skippedLines.slice(0, 8).join(', ');
    const more = plan.skipped > 8 ? ', …' : '';
    rows.push([
      'left out',
      `${grouped(plan.skipped)} pairs: max-length ends before a response (at ${lines}${more})`,
    ]);
  }
  if (out !== undefined) rows.push(['written to', out]);
  return columns(rows);
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
