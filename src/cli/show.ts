import { jobText } from '../core/slurm/index.js';
import type { Command } from 'commander';
import { divergences, RunHistory } from '../core/history/index.js';
import { isResumable, listRun, readForecast, readRun, RUNS_FOLDER, stateOf, unusedData } from '../core/run/index.js';
import { readEvents } from '../core/events/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../core/options/index.js';
import type { RunConfig } from '../core/run/config.js';
import { findRun, RUN_HELP } from './find-run.js';
import { figure, headlineRows, percent, predictedRows, rankRows, recomputedLayers, recomputedRows, timeRows } from './run-text.js';
import { runFacts } from './runs.js';
import { clock, columns, table } from './terminal.js';

interface Options {
  readonly runs: string;
  readonly evals?: boolean;
  readonly json?: boolean;
}

export function addShowCommand(program: Command): void {
  program
    .command('show')
    .summary('show one run: state, figures, settings')
    .description('Shows the state of a run, its main figures, the settings that differ from the defaults, and what to do next.')
    .argument('<run>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--evals', 'also list every evaluation')
    .option('--json', 'print one JSON object with every setting')
    .action(showCommand);
}

async function showCommand(named: string, options: Options): Promise<void> {
  const folder = await findRun(named, options.runs);
  const { config } = await readRun(folder);
  const run = await listRun(folder);
  if (run.problem !== undefined) throw run.problem;
  const history = new RunHistory();
  for (const event of await readEvents(folder)) history.add(event);
  const state = await stateOf(folder, history);
  const predicted = await readForecast(folder);
  const told = history.warnings.map(({ what, where, advice }) => ({ kind: 'runner' as const, what, where, advice }));
  const warnings = [...divergences(history), ...told];
  if (options.json) {
    const { terminal, exportPath, checkpoints, evals, pace, start } = history;
    console.log(
      JSON.stringify({
        ...runFacts(run),
        config,
        backend: start?.backend,
        device: start?.device,
        recompute: recomputedLayers(history),
        pairsPerSecond: pace?.pairsPerSecond,
        checkpoints: checkpoints.map(({ step, path }) => ({ step, path })),
        evals,
        warnings,
        time: history.timeSpent,
        ranks: history.ranks,
        predicted,
        ...(exportPath === undefined ? {} : { export: exportPath }),
        ...(terminal?.type === 'failed' ? { error: { what: terminal.what, where: terminal.where, advice: terminal.advice } } : {}),
      }),
    );
    return;
  }
  const { terminal, pace } = history;
  const rows: [string, string][] = [
    ['run', config.name === config.id ? config.id : `${config.name} (${config.id})`],
    ['state', state],
    ...(run.job === undefined ? [] : [['slurm', jobText(run.job, state)] as [string, string]]),
    ['created', config.created.slice(0, 19).replace('T', ' ') + ' UTC'],
    ...(run.tags.length > 0 ? [['tags', run.tags.map((tag) => `#${tag}`).join(' ')] as [string, string]] : []),
    ['dataset', config.dataset.path],
    ...unusedData(config.dataset).map(({ what, text }): [string, string] => [what === 'rows' ? 'left out' : 'not read', text]),
    ['model', config.model.hub === undefined ? config.model.path : `${config.model.hub.id}@${config.model.hub.revision}`],
    ['steps', `${run.step} of ${run.steps ?? '?'}`],
    ...headlineRows(run.figures),
  ];
  if (pace)
    rows.push([
      'speed',
      `${pace.pairsPerSecond.toFixed(1)} pairs/s, ${clock(history.columns.seconds.reduce((sum, took) => sum + took, 0))} in steps`,
    ]);
  rows.push(...timeRows(history.timeSpent), ...rankRows(history.ranks), ...predictedRows(predicted));
  if (history.start) rows.push(['on', `${history.start.device} (${history.start.backend})`]);
  rows.push(...recomputedRows(history));
  if (history.exportPath !== undefined) rows.push(['exported', `${folder}/${history.exportPath}`]);
  rows.push(['folder', folder]);
  console.log(columns(rows));
  const set = changedSettings(config);
  console.log(
    set.length === 0 ? '\nall settings are the defaults' : `\nset:\n${columns(set.map(([name, value]) => [`  ${name}`, value]))}`,
  );
  if (options.evals) console.log(`\n${evalTable(history)}`);
  for (const warning of warnings) {
    const at = 'where' in warning && warning.where !== '' ? `\n  at: ${warning.where}` : '';
    console.log(`\nwarning: ${warning.what}${at}\n  fix: ${warning.advice}`);
  }
  if (terminal?.type === 'failed') console.log(`\nerror: ${terminal.what}\n  at: ${terminal.where}\n  fix: ${terminal.advice}`);
  if (isResumable(state)) console.log(`\ncontinue with: wishbone train --resume ${folder}`);
}

/** Options that are not the defaults, in the order of the docs. */
function changedSettings({ plan, training, runner }: RunConfig): [string, string][] {
  const groups = [
    [plan, DEFAULT_PLAN],
    [training, DEFAULT_TRAINING],
    [runner, DEFAULT_RUNNER],
  ] as unknown as readonly (readonly [Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>])[];
  return groups.flatMap(([set, defaults]) =>
    Object.entries(set).flatMap(([name, value]): [string, string][] => {
      const text = JSON.stringify(value) ?? '';
      return text === JSON.stringify(defaults[name]) ? [] : [[name, typeof value === 'string' ? value : text]];
    }),
  );
}

function evalTable({ evals }: RunHistory): string {
  if (evals.length === 0) return 'no evaluation yet';
  const known = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value);
  return table(
    ['step', 'loss', 'margin', 'accuracy', ''],
    evals.map((row) => [
      String(row.step),
      figure(known(row.loss), 4),
      figure(known(row['rewards/margins']), 3),
      percent(known(row['rewards/accuracies'])),
      row.best ? 'best so far' : '',
    ]),
  );
}
