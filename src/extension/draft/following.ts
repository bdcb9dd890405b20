import type { ModelInfo } from '../../core/model/index.js';
import {
  learningRateWarning,
  type Preset,
  presetById,
  rateReason,
  type RunnerOptions,
  suitedPreset,
  withSuitedRate,
} from '../../core/options/index.js';
import { formatOption, sentence } from '../../format.js';
import { optionTexts, rateOptions, readDraft, type Values } from './read-draft.js';

/** What of a form follows its model until somebody decides it. */
export interface Followed {
  readonly values: Values;
  /** Id of the preset, or empty for another run's options. */
  readonly preset: string;
  /** What somebody has decided, and no longer follows. */
  readonly own: { readonly rate: boolean; readonly preset: boolean };
}

/** What of a model is followed; undefined while there is none, or none that was looked at. */
export type FollowedModel = Pick<ModelInfo, 'parameters'> & { readonly config: Pick<ModelInfo['config'], 'maxPositions'> };

/** A form as it is once its preset and learning rate, where nobody has decided them, suit the model. */
export function follow(form: Followed, model: FollowedModel | undefined, runner: RunnerOptions): Followed {
  if (model === undefined) return form;
  const suited = suitedPreset(model.parameters);
  // Whoever has given anything keeps what the rest of it was.
  const changes = !form.own.preset && !form.own.rate && suited.id !== form.preset && changedOptions(form, model, runner).length === 0;
  return withRate(
    changes ? { ...form, preset: suited.id, values: { ...form.values, ...presetTexts(form.values, suited, model, runner) } } : form,
    model,
  );
}

/** A form with a preset that somebody chose: with it, the learning rate follows the model again. */
export function choosePreset(form: Followed, preset: Preset, model: FollowedModel | undefined, runner: RunnerOptions): Followed {
  const values = { ...form.values, ...presetTexts(form.values, preset, model, runner) };
  return withRate({ values, preset: preset.id, own: { rate: false, preset: true } }, model);
}

/** Options that are not as the preset has them. */
export function changedOptions({ values, preset: id, own }: Followed, model: FollowedModel | undefined, runner: RunnerOptions): string[] {
  const preset = presetById(id);
  if (preset === undefined) return [];
  const base = {
    ...fitted(optionTexts({ ...preset, runner }), model),
    // One that follows is as it should be.
    'training.learning_rate': own.rate ? suitedRate(values, preset, model) : values['training.learning_rate'],
  };
  return Object.entries(base).flatMap(([option, text]) => (values[option] === text ? [] : [option]));
}

/** Options as far as the model allows them. */
export function fitted(texts: Values, model: FollowedModel | undefined): Values {
  const most = model?.config.maxPositions ?? Infinity;
  return Number(texts['plan.max_length']) > most ? { ...texts, 'plan.max_length': String(most) } : texts;
}

/** Why the learning rate is what it is, while it follows the model. */
export function rateNote({ values, preset, own }: Followed, model: FollowedModel | undefined): string | undefined {
  if (model === undefined || own.rate || presetById(preset)?.rateFactor === undefined) return undefined;
  return `Peak rate, reached after warm-up; ${rateReason(model.parameters, rateOptions(values))}`;
}

/** What to be warned of; undefined when the rate is usual, or none that could be judged. */
export function rateWarning(values: Values, model: FollowedModel | undefined): string | undefined {
  const rate = Number(values['training.learning_rate']);
  if (model === undefined || Number.isNaN(rate)) return undefined;
  const warning = learningRateWarning(model.parameters, { ...rateOptions(values), learning_rate: rate });
  return warning === undefined ? undefined : sentence(warning);
}

function withRate(form: Followed, model: FollowedModel | undefined): Followed {
  const preset = presetById(form.preset);
  if (form.own.rate || preset === undefined) return form;
  return { ...form, values: { ...form.values, 'training.learning_rate': suitedRate(form.values, preset, model) } };
}

/** The learning rate's text where nobody has given one. */
function suitedRate(values: Values, preset: Preset, model: FollowedModel | undefined): string {
  const training = { ...preset.training, ...rateOptions(values) };
  const { rateFactor } = preset;
  const known = model !== undefined && rateFactor !== undefined;
  return formatOption((known ? withSuitedRate(training, model.parameters, rateFactor) : training).learning_rate);
}

/** The options of a preset, on the runner that the form has. */
function presetTexts(values: Values, preset: Preset, model: FollowedModel | undefined, runner: RunnerOptions): Values {
  const { options } = readDraft(values);
  return fitted(optionTexts({ ...preset, runner: options?.runner ?? runner }), model);
}
