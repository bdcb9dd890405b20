import * as vscode from 'vscode';

import { type OptionPath, optionProblem, type OptionValue, type PlanOptions } from '../../../core/options/index.js';
import { formatOption, sentence } from '../../../format.js';
import type { FieldSpec } from '../../../protocol/form.js';
import { parseText } from '../../draft/option-text.js';
import { formSections } from '../../draft/fields.js';
import { type Choice, pickFrom, separator } from '../../paths/pick-list.js';

const SHOW = Symbol('show');

/** The options that decide a plan, named as in the launch form. */
const SETTINGS: readonly FieldSpec[] = formSections([])
  .flatMap(({ fields }) => fields)
  .filter(({ id }) => id.startsWith('plan.'));

/** Shows the settings of a plan and lets the user change them first; undefined if the user cancelled. */
export async function reviewPlan(begin: PlanOptions, title: string): Promise<PlanOptions | undefined> {
  let plan = begin;
  for (;;) {
    const shown = plan;
    const choice = (setting: FieldSpec): Choice<FieldSpec> => ({
      label: setting.label,
      description: formatOption(valueOf(shown, setting)),
      detail: setting.help,
      value: setting,
    });
    const picked = await pickFrom<FieldSpec | typeof SHOW>({
      title,
      placeholder: 'Press Enter to plan, or choose a setting to change',
      fill: (show) => show([{ label: '$(eye) Show', value: SHOW }, separator('settings'), ...SETTINGS.map(choice)]),
    });
    if (picked === 'cancel') return undefined;
    if (picked.value === SHOW) return plan;
    const value = await askSetting(picked.value, valueOf(plan, picked.value), title);
    if (value !== undefined) plan = { ...plan, [nameOf(picked.value)]: value };
  }
}

/** Asks for a new value; undefined keeps the old one. */
async function askSetting({ id, label, help, choices }: FieldSpec, value: OptionValue, title: string): Promise<OptionValue | undefined> {
  if (choices.length > 0) {
    const picked = await pickFrom<string>({
      title: `${title}: ${label}`,
      placeholder: help,
      // The current value comes first.
      fill: (show) => show([...choices].sort((a, b) => Number(b.value === value) - Number(a.value === value))),
    });
    return picked === 'cancel' ? undefined : picked.value;
  }
  const option = id as OptionPath;
  const typed = await vscode.window.showInputBox({
    title: `${title}: ${label}`,
    prompt: help,
    value: formatOption(value),
    ignoreFocusOut: true,
    validateInput: (text) => {
      const problem = optionProblem(option, parseText(option, text));
      return problem === undefined ? undefined : sentence(problem);
    },
  });
  return typed === undefined ? undefined : (parseText(option, typed) as OptionValue);
}

function nameOf({ id }: FieldSpec): keyof PlanOptions {
  return id.slice('plan.'.length) as keyof PlanOptions;
}

function valueOf(plan: PlanOptions, setting: FieldSpec): OptionValue {
  return plan[nameOf(setting)];
}
