import { type Command, Option } from 'commander';
import type { PairsOf } from '../core/pairs/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { runTask } from '../core/tasks/index.js';
import { type ChangePart, type Remedy, TOKEN_PAIRS, type WhyAnswer } from '../core/why/index.js';
import { findRun, RUN_HELP } from './find-run.js';
import { cancellable } from './interrupt.js';
import { count } from './options.js';
import { grouped, progressText, StatusLine, table } from './terminal.js';

interface Options {
  readonly runs: string;
  readonly of?: PairsOf;
  readonly tokens?: number | true;
  readonly json?: boolean;
}

export function addWhyCommand(program: Command): void {
  program
    .command('why')
    .summary('why the chosen responses of a run became less likely')
    .description(
      'Tells the change of the log-probability of chosen responses apart, by source, length, overlap with the rejected response and, with --tokens, position and kind of token; and what helps.',
    )
    .argument('<run>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .addOption(new Option('--of <pairs>', 'which pairs (default: those evaluated, where there are any)').choices(['train', 'evaluation']))
    .option('--tokens [pairs]', `ask the models for every token of so many pairs (without a number: ${TOKEN_PAIRS})`, count)
    .option('--json', 'print one JSON object')
    .action(whyCommand);
}

async function whyCommand(named: string, options: Options): Promise<void> {
  const folder = await findRun(named, options.runs);
  const tokenPairs = options.tokens === true ? TOKEN_PAIRS : (options.tokens ?? 0);
  const status = new StatusLine();
  const answer = await cancellable((signal) =>
    runTask(
      'why',
      { folder, of: options.of, tokenPairs },
      { signal, onProgress: (progress) => status.show(progressText(progress)) },
    ).finally(() => status.clear()),
  );
  console.log(options.json ? JSON.stringify({ run: folder, ...answer }) : whyText(answer));
}

function whyText({ name, summary, notes, parts, tokens, patterns, remedies, verdict }: WhyAnswer): string {
  const blocks = [`${name}\n${summary}`, notes.map((note) => `  ${note}`).join('\n'), ...parts.map(partText)];
  if (tokens !== undefined) {
    const { pairs, tokens: chosen } = tokens;
    blocks.push(
      `The tokens of ${grouped(pairs)} pairs, by the model before training and the trained one: chosen ${signed(tokens.chosen)} nats a pair, rejected ${signed(tokens.rejected)} (${grouped(chosen)} tokens of chosen responses)`,
      ...tokens.parts.map(partText),
    );
  }
  patterns.forEach(({ what, known, source }, at) => blocks.push(`${at + 1}. ${what}\n   ${known} (${source})`));
  if (remedies.length > 0) blocks.push(`What helps, and what it would change in this run:\n\n${remedies.map(remedyText).join('\n\n')}`);
  if (tokens === undefined && verdict === 'fell')
    blocks.push('--tokens looks at positions and kinds of tokens too, with the models of the run');
  return blocks.join('\n\n');
}

function partText({ title, of, groups }: ChangePart): string {
  const heading = [title, of === 'pairs' ? 'pairs' : 'tokens', 'chosen', '95% from', 'to', 'a token', 'rejected', 'of the change'];
  const rows = groups.map(({ label, chosen, perToken, rejected, part }) => [
    label,
    grouped(chosen.n),
    signed(chosen.mean),
    ...(chosen.interval?.map(signed) ?? ['-', '-']),
    signed(perToken),
    rejected === undefined ? '-' : signed(rejected.mean),
    `${Math.round(100 * part)}%`,
  ]);
  // Of tokens both are the same.
  const shown = (cells: readonly string[]): string[] => cells.filter((_, column) => of === 'pairs' || column !== 5);
  return table(shown(heading), rows.map(shown));
}

function remedyText({ label, why, source, changes, problem }: Remedy): string {
  const lines = changes.map(({ option, before, after }) => `   ${option}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
  const not = problem === '' ? [] : [`   not here: ${problem}`];
  return [`   ${label}: ${why} (${source})`, ...lines, ...not].join('\n');
}

function signed(value: number): string {
  const digits = Math.abs(value) < 1 ? 3 : 2;
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(digits)}`;
}
