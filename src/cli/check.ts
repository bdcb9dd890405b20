import path from 'node:path';
import type { Command } from 'commander';
import { addCounts, bySeverity, countsText, type DatasetCheck, type PlacedProblem } from '../core/checks/index.js';
import { findSources, parseColumns, readOptionsOf } from '../core/dataset/index.js';
import { ExitCode } from '../core/errors.js';
import { runTask } from '../core/tasks/index.js';
import { Exit } from './exit.js';
import { fromHub } from './hub.js';
import { cancellable } from './interrupt.js';
import { addOptions, count, DATASET_HELP, readInput } from './options.js';
import { grouped, progressText, StatusLine } from './terminal.js';

interface Options extends Record<string, unknown> {
  readonly strict?: boolean;
  readonly most: number;
  readonly json?: boolean;
}

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .summary('check preference files; for CI too')
    .description(
      'Runs the same checks as the editor and prints one line per problem: file, place, severity, check and message.\n' +
        'Exits with 3 if a row cannot be trained on (with --strict, also for warnings), otherwise with 0.',
    )
    .argument('<dataset...>', DATASET_HELP)
    .option(
      '-m, --model <folder>',
      'also check every row with the tokenizer and chat template of this model: a folder, or an id on the hub',
    )
    .option('--strict', 'treat warnings as errors')
    .option('--most <number>', 'print at most this many problems per file', count, 100)
    .option('--json', 'print one JSON object with all problems');
  addOptions(command, 'plan', ['max_length', 'columns'], true);
  command.action(checkCommand);
}

async function checkCommand(files: readonly string[], options: Options): Promise<void> {
  const status = new StatusLine();
  const { dataset, evalDataset, model, plan } = await fromHub(await readInput(files, options), status, 'tokenizer');
  const columns = parseColumns(plan.columns);
  const sources = await findSources(dataset ?? [], columns);
  const evalSources = evalDataset && (await findSources(evalDataset, columns));
  const evalFiles = evalSources?.map((source) => source.path);
  const trained = new Set(sources.map((source) => source.path));
  const found = await cancellable(async (signal) => {
    const checks: DatasetCheck[] = [];
    // A run config's files for evaluation are read by the run as well.
    for (const source of [...sources, ...(evalSources ?? []).filter((each) => !trained.has(each.path))]) {
      const onProgress = (progress: Parameters<typeof progressText>[0]): void => status.show(progressText(progress));
      const { form } = readOptionsOf(source, plan);
      const task = { source: { ...source, form }, options: { model, maxLength: plan.max_length, evalFiles } };
      checks.push(await runTask('check', task, { signal, onProgress }));
    }
    return checks;
  }).finally(() => status.clear());
  const { error: errors, warning: warnings, information: notes } = bySeverity(addCounts(found.map(({ counts }) => counts)));
  const isGood = errors === 0 && (warnings === 0 || options.strict !== true);
  if (options.json) console.log(JSON.stringify({ ok: isGood, errors, warnings, notes, files: found }));
  else console.log(found.map((check) => fileText(check, options.most, model)).join('\n\n'));
  if (!isGood) throw new Exit(ExitCode.badInput);
}

function fileText(check: DatasetCheck, most: number, model: string | undefined): string {
  const name = path.relative('', check.file) || check.file;
  const lines = check.problems.slice(0, most).map((problem) => problemText(name, problem));
  const left = check.problems.length - lines.length;
  if (left > 0) lines.push(`… and ${grouped(left)} more (use --most ${check.problems.length} to print them)`);
  if (!check.tokensChecked) lines.push(`${name}: tokens were not counted because the file is checked as a stream`);
  if (model === undefined) lines.push(`${name}: checks that need a tokenizer were skipped (add --model <folder>)`);
  const say = (number: number, word: string): string => `${grouped(number)} ${word}${number === 1 ? '' : 's'}`;
  lines.push(
    `${name}: ${say(check.pairs, 'pair')} in ${say(check.rows, 'row')}${check.form === undefined ? '' : `, ${check.form}`}; ` +
      countsText(check.counts),
  );
  return lines.join('\n');
}

/** "pairs.jsonl:12:5: error: field "chosen" is empty [empty-response]" */
function problemText(name: string, { check, severity, what, line, column, row }: PlacedProblem): string {
  const place = line !== undefined ? `:${line}${column === undefined ? '' : `:${column}`}` : row === undefined ? '' : `, row ${row}`;
  return `${name}${place}: ${severity === 'information' ? 'note' : severity}: ${what} [${check}]`;
}
