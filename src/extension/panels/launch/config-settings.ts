import path from 'node:path';

import { CONFIG_SUFFIX, type ConfigSettings, sectionsOf } from '../../../core/config-file/index.js';
import { reportToOf } from '../../../core/trackers/index.js';
import { type LaunchOptions, pathLines, type Values } from '../../draft/read-draft.js';

/**
 * What a run config has to say for a form to be filled from it as it is now: only what differs from its preset, or from
 * the defaults where it has none.
 *
 * @param preset id, or empty
 * @param ownRate somebody has given the learning rate; else it stays with what suits the model
 */
export function configSettings(
  { name, dataset, evalDataset, model, reportTo = '' }: Values,
  options: LaunchOptions,
  preset: string,
  ownRate: boolean,
): ConfigSettings {
  const text = (value: string | undefined): string | undefined => (value?.trim() === '' ? undefined : value?.trim());
  const paths = (value = ''): string | readonly string[] | undefined => {
    const lines = pathLines(value).map((line) => line.trim());
    return lines.length > 1 ? lines : lines[0];
  };
  const sections = sectionsOf(options, preset === '' ? undefined : preset);
  const { learning_rate: _, ...training } = sections.training;
  const { learning_rate } = options.training;
  return {
    ...(preset === '' ? {} : { preset }),
    name: text(name),
    model: text(model),
    dataset: paths(dataset),
    eval_dataset: paths(evalDataset),
    report_to: text(reportTo) === undefined ? undefined : reportToOf(reportTo),
    ...sections,
    training: ownRate ? { ...training, learning_rate } : training,
  };
}

/** The name of the file: the run's, else the dataset's. */
export function configName({ name = '', dataset = '' }: Values): string {
  const stem = name.trim() === '' ? path.basename(pathLines(dataset)[0] ?? '').replace(/\.[^/]*$/, '') : name.trim();
  const plain = stem.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '');
  return `${plain === '' ? 'run' : plain}${CONFIG_SUFFIX}`;
}
