import path from 'node:path';

import * as vscode from 'vscode';

import type { ModelInfo } from '../../core/model/index.js';
import { type BackendInfo, optionProblem, type OptionValue } from '../../core/run/index.js';
import { formatOption, formatRate, sentence } from '../../format.js';
import {
  backendText,
  choicesOf,
  KEY_SETTINGS,
  type LaunchOptions,
  MORE_SETTINGS,
  parseTyped,
  type Setting,
  valueOf,
  withValue,
} from './settings.js';
import { pickStep, separator, type StepResult } from './steps.js';

const START = Symbol('start');

/**
 * Shows what is about to be launched and lets every setting be changed before it is.
 *
 * @param backends what the runner can run on; none when that is not known
 */
export async function review(
  dataset: string,
  model: ModelInfo,
  preset: string,
  begin: LaunchOptions,
  backends: readonly BackendInfo[],
  step: { readonly step: number; readonly totalSteps: number; readonly title: string },
): Promise<StepResult<LaunchOptions>> {
  let options = begin;
  let last: Setting | undefined;
  for (;;) {
    const shown = options;
    const setting = (setting: Setting) => ({
      label: setting.label,
      description: settingText(shown, setting, backends),
      detail: setting.help,
      value: setting,
    });
    const picked = await pickStep<Setting | typeof START>({
      ...step,
      back: true,
      placeholder: 'Press Enter to start, or choose a setting to change',
      active: (value) => value === (last ?? START),
      fill: (show) =>
        show([
          {
            label: '$(play) Start',
            description: `${preset} · ${path.basename(dataset)} · ${path.basename(model.folder)}, ${formatRate(model.parameters)} parameters`,
            value: START,
          },
          separator('settings'),
          ...KEY_SETTINGS.map(setting),
          separator('more settings'),
          ...MORE_SETTINGS.map(setting),
        ]),
    });
    if (typeof picked === 'string') return picked;
    if (picked.value === START) return { value: options };
    last = picked.value;
    const value = await askSetting(picked.value, valueOf(options, picked.value.option), step.title, backends);
    if (value !== undefined) {
      options = withValue(options, picked.value.option, value);
      // With the change made, starting is next again.
      last = undefined;
    }
  }
}

/** A setting's value; for the backend also what it comes to. */
function settingText(options: LaunchOptions, { option }: Setting, backends: readonly BackendInfo[]): string {
  const value = formatOption(valueOf(options, option));
  const more = option === 'runner.backend' ? backendText(value, backends).description : undefined;
  return more === undefined ? value : `${value}: ${more}`;
}

/** Asks for a new value; undefined leaves the old one. */
export async function askSetting(
  { option, label, help }: Setting,
  value: OptionValue,
  title: string,
  backends: readonly BackendInfo[],
): Promise<OptionValue | undefined> {
  const choices = choicesOf(option, backends);
  if (choices !== undefined) {
    const picked = await pickStep<OptionValue>({
      title: `${title}: ${label}`,
      placeholder: help,
      back: true,
      active: (choice) => choice === value,
      fill: (show) => show(choices),
    });
    return typeof picked === 'string' ? undefined : picked.value;
  }
  const typed = await vscode.window.showInputBox({
    title: `${title}: ${label}`,
    prompt: help,
    value: formatOption(value),
    ignoreFocusOut: true,
    validateInput: (text) => {
      const problem = optionProblem(option, parseTyped(option, text));
      return problem === undefined ? undefined : sentence(problem);
    },
  });
  return typed === undefined ? undefined : parseTyped(option, typed);
}
