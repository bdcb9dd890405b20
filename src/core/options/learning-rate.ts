import { lossesOf, lossRow } from './losses.js';
import type { TrainingOptions } from './training/index.js';

/** What of the training options decides which learning rate suits. */
export type RateOptions = Pick<TrainingOptions, 'loss_type' | 'use_peft'>;

/**
 * The rate at which all parameters of a model are trained by a preference loss, by the model's size. From published
 * recipes (docs/methods.md, "Learning rate"): up to 3 billion SmolLM2 135M to 1.7B and TRL's own default, up to 20 billion
 * Zephyr 7B and Tülu 3 8B, beyond Tülu 3 70B. Nobody publishes any for models under 100 million; ours are from runs of the
 * example model, and between the two in the middle.
 */
const FULL: readonly { readonly below: number; readonly rate: number }[] = [
  { below: 20e6, rate: 2e-4 },
  { below: 100e6, rate: 2e-5 },
  { below: 3e9, rate: 1e-6 },
  { below: 20e9, rate: 5e-7 },
  { below: Infinity, rate: 2e-7 },
];

/** Of an adapter over all parameters: TRL's examples, Zephyr with QLoRA, and "LoRA Without Regret" agree. */
const ADAPTER = 10;

/** How far from what suits anybody goes, either way: Llama 3's 1e-5 for 405 billion is 50 times as much. */
const FARTHEST = 50;

/** The learning rate to begin with. @param parameters of the model, all of them */
export function suitedLearningRate(parameters: number, { loss_type, use_peft }: RateOptions): number {
  // Losses that teach the response itself have higher ones: ORPO's and SFT's recipes beside DPO's.
  const teaching = Math.min(...lossesOf(loss_type).map((loss) => lossRow(loss)?.rate ?? 1));
  const band = FULL.find(({ below }) => parameters < below) ?? FULL.at(-1)!;
  // More than this no recipe has, not even for the smallest.
  return Math.min(1e-3, round(band.rate * (use_peft ? ADAPTER : 1) * teaching));
}

/** Learning rates outside which nobody trains such a model so. */
export function usualLearningRates(parameters: number, options: RateOptions): { readonly least: number; readonly most: number } {
  const suited = suitedLearningRate(parameters, options);
  return { least: round(suited / FARTHEST), most: round(suited * FARTHEST) };
}

/**
 * What to be warned of: a learning rate that nobody takes for a model of this size and this way of training, as a phrase.
 * Undefined when there is nothing to say.
 */
export function learningRateWarning(
  parameters: number,
  training: RateOptions & Pick<TrainingOptions, 'learning_rate'>,
): string | undefined {
  const { least, most } = usualLearningRates(parameters, training);
  const { learning_rate: rate } = training;
  if (rate >= least && rate <= most) return undefined;
  const of = methodText(parameters, training);
  const outcome = rate > most ? 'training is likely to diverge' : 'almost nothing will be learned';
  const suited = rateText(suitedLearningRate(parameters, training));
  return `far ${rate > most ? 'above' : 'below'} what is used for ${of} (${rateText(least)} to ${rateText(most)}): ${outcome}; ${suited} is usual`;
}

/**
 * Training options with the learning rate that suits, where nobody has given one. The form and the command line begin with
 * these.
 *
 * @param factor of the preset
 */
export function withSuitedRate(training: TrainingOptions, parameters: number, factor: number): TrainingOptions {
  return { ...training, learning_rate: round(suitedLearningRate(parameters, training) * factor) };
}

/** Why a rate that nobody gave is what it is, as a phrase. */
export function rateReason(parameters: number, training: RateOptions): string {
  return `usual for ${methodText(parameters, training)}`;
}

function methodText(parameters: number, { use_peft }: RateOptions): string {
  return `${sizeText(parameters)} parameters, ${use_peft ? 'trained by an adapter' : 'all of them trained'}`;
}

/** To two digits: 2e-7 · 10 is no 2.0000000000000003e-6. */
const round = (rate: number): number => Number(rate.toPrecision(2));

/** As people write it: `5e-7`. */
const rateText = (rate: number): string => round(rate).toExponential();

function sizeText(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)} billion`;
  return parameters >= 1e6
    ? `${(parameters / 1e6).toFixed(parameters < 10e6 ? 1 : 0)} million`
    : `${Math.round(parameters / 1000)} thousand`;
}
