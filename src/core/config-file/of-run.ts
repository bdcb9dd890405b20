import path from 'node:path';
import type { OptionPath, RunConfig } from '../run/config.js';
import { defaultOf, type SectionName } from './fields.js';
import type { ConfigSettings } from './write.js';

/**
 * What a run config says that makes a run like another: options that are as by default are left out.
 *
 * @param folder the other run's: a relative `model.path` counts from there
 */
export function settingsOfRun({ dataset, eval_dataset, model, plan, training, runner }: RunConfig, folder: string): ConfigSettings {
  const named = ({ names, path: file }: RunConfig['dataset']): string | readonly string[] => {
    const all = names ?? [file];
    return all.length === 1 ? (all[0] as string) : all;
  };
  // Pairs that were held out will be again.
  const isNamed = eval_dataset !== undefined && plan.eval_fraction === 0;
  return {
    model: path.resolve(folder, model.path),
    dataset: named(dataset),
    eval_dataset: isNamed ? named(eval_dataset) : undefined,
    plan: changed('plan', plan),
    training: changed('training', training),
    runner: changed('runner', runner),
  };
}

/** The options that are not as they are anyway. */
function changed<T extends object>(section: SectionName, options: T): Partial<T> {
  const isUsual = (name: string, value: unknown): boolean =>
    JSON.stringify(value) === JSON.stringify(defaultOf(`${section}.${name}` as OptionPath));
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => !isUsual(name, value))) as Partial<T>;
}

/** Whether a run's datasets are one file each: what a form has fields for. */
export function isOfOneFile({ dataset, eval_dataset }: RunConfig): boolean {
  return dataset.names === undefined && eval_dataset?.names === undefined;
}
