import path from 'node:path';

import { CONFIG_SUFFIX, type ConfigSettings, resolveConfig } from '../../core/config-file/index.js';
import { type LaunchOptions, type Values } from './draft.js';

/**
 * What a run config has to say for a form to be filled from it as it is now: only what differs from its preset, or from
 * the defaults where it has none.
 *
 * @param preset id, or empty
 */
export function configSettings(
  { name, dataset, evalDataset, model }: Values,
  { plan, training, runner }: LaunchOptions,
  preset: string,
): ConfigSettings {
  const from = preset === '' ? {} : { preset };
  const base = resolveConfig(from);
  const text = (value: string | undefined): string | undefined => (value?.trim() === '' ? undefined : value?.trim());
  return {
    ...from,
    name: text(name),
    model: text(model),
    dataset: text(dataset),
    eval_dataset: text(evalDataset),
    plan: differing(plan, base.plan),
    training: differing(training, base.training),
    runner: differing(runner, base.runner),
  };
}

/** The name of the file: the run's, else the dataset's. */
export function configName({ name = '', dataset = '' }: Values): string {
  const stem = name.trim() === '' ? path.basename(dataset).replace(/\.[^/]*$/, '') : name.trim();
  const plain = stem.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '');
  return `${plain === '' ? 'run' : plain}${CONFIG_SUFFIX}`;
}

function differing<Options extends object>(options: Options, base: Options): Partial<Options> {
  const other = Object.entries(options).filter(
    ([option, value]) => JSON.stringify(value) !== JSON.stringify(base[option as keyof Options]),
  );
  return Object.fromEntries(other) as Partial<Options>;
}
