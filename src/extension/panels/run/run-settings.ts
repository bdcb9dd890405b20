import path from 'node:path';

import { OPTIONS, type Options } from '../../../core/options/index.js';
import { type RunConfig, unusedData } from '../../../core/run/index.js';
import { formatCount, formatOption, plural } from '../../../format.js';
import type { SettingRow, SettingsGroup } from '../../../protocol/run.js';

/** All settings of a run, in reading order, with the names that run configs and flags use. */
export function settingsOf(folder: string, config: RunConfig): SettingsGroup[] {
  const { plan, training, runner } = config;
  return [
    { title: 'Run', rows: runRows(folder, config) },
    { title: 'Plan', rows: optionRows(plan, OPTIONS.plan) },
    { title: 'Training', rows: optionRows(training, OPTIONS.training) },
    { title: 'Runner', rows: optionRows(runner, OPTIONS.runner) },
  ];
}

function runRows(folder: string, config: RunConfig): SettingRow[] {
  const { id, created, dataset, eval_dataset: evaluation, model, made_with: madeWith } = config;
  const row = (name: string, value: string): SettingRow => ({ name, value, help: '', changed: false });
  const data = ({ names, path: file, format, pairs, sha256 }: RunConfig['dataset']): string =>
    `${(names ?? [file]).join(', ')} (${plural(pairs, 'pair')}, ${format}, SHA-256 ${sha256.slice(0, 12)}…)`;
  const git = madeWith?.git;
  return [
    row('id', id),
    row('created', created.slice(0, 19).replace('T', ' ') + ' UTC'),
    row('folder', folder),
    row('dataset', data(dataset)),
    ...(evaluation === undefined ? [] : [row('eval dataset', data(evaluation))]),
    ...unusedData(dataset).map(({ what, text }) => row(what === 'rows' ? 'rows left out' : 'columns not read', text)),
    row('model', model.path),
    // Runs of older versions do not say so.
    ...(madeWith === undefined ? [] : [row('Wishbone', madeWith.wishbone)]),
    ...(madeWith === undefined
      ? []
      : [row('git commit', git === undefined ? `none: ${path.dirname(folder)} is not in a repository` : gitText(git))]),
  ];
}

function gitText({ commit, dirty }: { readonly commit: string; readonly dirty: boolean }): string {
  return `${commit.slice(0, 12)}, ${dirty ? 'with uncommitted changes' : 'no uncommitted changes'}`;
}

function optionRows(values: object, options: Options): SettingRow[] {
  return Object.entries(values).map(([name, value]: [string, unknown]): SettingRow => {
    const option = options[name];
    return {
      name,
      value: valueText(value),
      help: option?.help ?? '',
      changed: JSON.stringify(value) !== JSON.stringify(option?.default),
    };
  });
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) >= 10_000 ? formatCount(value) : formatOption(value);
  if (typeof value === 'boolean') return formatOption(value);
  if (typeof value === 'string') return value === '' ? 'none' : value;
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map((each) => (typeof each === 'object' ? JSON.stringify(each) : String(each))).join(', ');
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return 'none';
  return JSON.stringify(value) ?? 'none';
}
