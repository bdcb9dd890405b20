import path from 'node:path';

import {
  CONFIG_SUFFIX,
  type ConfigSettings,
  resolveConfig,
  type Sections,
  sectionsOf,
  type SweepBlock,
} from '../../../core/config-file/index.js';
import { WishboneError } from '../../../core/errors.js';
import { checkOptions } from '../../../core/options/index.js';
import { SEED } from '../../../core/sweep/index.js';
import { reportToOf } from '../../../core/trackers/index.js';
import { type LaunchOptions, pathLines, type Values } from '../../draft/read-draft.js';

/**
 * What a run config has to say for a form to be filled from it as it is now: only what differs from its preset, or from
 * the defaults where it has none.
 *
 * @param preset id, or empty
 * @param ownRate somebody has given the learning rate; else it stays with what suits the model
 * @param sweep several values of options
 */
export function configSettings(
  { name, dataset, evalDataset, model, reportTo = '' }: Values,
  options: LaunchOptions,
  preset: string,
  ownRate: boolean,
  sweep?: SweepBlock,
): ConfigSettings {
  const text = (value: string | undefined): string | undefined => (value?.trim() === '' ? undefined : value?.trim());
  const paths = (value = ''): string | readonly string[] | undefined => {
    const lines = pathLines(value).map((line) => line.trim());
    return lines.length > 1 ? lines : lines[0];
  };
  const own = sectionsOf(options, preset === '' ? undefined : preset);
  const { learning_rate } = options.training;
  const whole = { ...own, training: ownRate ? { ...own.training, learning_rate } : withoutRate(own.training) };
  const hasEvaluation = (evalDataset ?? '').trim() !== '' || options.plan.eval_fraction > 0;
  const sections =
    sweep === undefined
      ? whole
      : withoutVaried(whole, [...Object.keys(sweep.values ?? {}), ...(sweep.seeds === undefined ? [] : [SEED])], preset, hasEvaluation);
  return {
    ...(preset === '' ? {} : { preset }),
    name: text(name),
    model: text(model),
    dataset: paths(dataset),
    eval_dataset: paths(evalDataset),
    report_to: text(reportTo) === undefined ? undefined : reportToOf(reportTo),
    ...sections,
    sweep,
  };
}

function withoutRate({ learning_rate: _, ...training }: Sections['training']): Sections['training'] {
  return training;
}

/** Nothing is said twice: what a sweep has several values of stands there, unless the rest is no run without it. */
function withoutVaried(sections: Sections, varied: readonly string[], preset: string, hasEvaluation: boolean): Sections {
  const less = (section: keyof Sections): object =>
    Object.fromEntries(Object.entries(sections[section]).filter(([name]) => !varied.includes(`${section}.${name}`)));
  const without: Sections = { plan: less('plan'), training: less('training'), runner: less('runner') };
  try {
    checkOptions(resolveConfig({ ...(preset === '' ? {} : { preset }), ...without }), hasEvaluation);
    return without;
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return sections;
  }
}

/** The name of the file: the run's, else the dataset's. */
export function configName({ name = '', dataset = '' }: Values): string {
  const stem = name.trim() === '' ? path.basename(pathLines(dataset)[0] ?? '').replace(/\.[^/]*$/, '') : name.trim();
  const plain = stem.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '');
  return `${plain === '' ? 'run' : plain}${CONFIG_SUFFIX}`;
}
