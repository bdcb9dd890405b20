import { LOSS_TYPES } from '../options/index.js';
import type { Conversion } from './conversion.js';

const IMPLICIT =
  'its trainer finds the end of a prompt that is in both responses by another rule, and adds a BOS or EOS token where the tokenizer or the template has none: see docs/coming-from-trl.md';
const OWN_LENGTH = 'a response without a prompt or a BOS token before it counts one token more there: see docs/coming-from-trl.md';

/** `loss_type` and `loss_weights` of `DPOConfig`, and what earlier versions called otherwise. */
export function convertDpoLosses(conversion: Conversion): void {
  const given = conversion.take('loss_type') ?? 'sigmoid';
  const weights = conversion.take('loss_weights');
  const free = conversion.takeFlag('reference_free');
  const names = [given].flat().map((loss) => {
    if (loss !== 'aot_pair') return loss;
    conversion.changed('loss_type', 'TRL now calls "aot_pair" "aot_unpaired"');
    return 'aot_unpaired';
  });
  const unknown = names.find((loss) => !(LOSS_TYPES as readonly unknown[]).includes(loss));
  if (unknown !== undefined || names.length === 0) {
    const what = names.length === 0 ? 'it names no loss' : `unknown loss for pairs: ${JSON.stringify(unknown)}`;
    conversion.refuse('loss_type', what, `use one of ${LOSS_TYPES.join(', ')} (docs/methods.md)`);
  }
  if (free) return withoutReference(conversion, names);
  const rpo = conversion.takeNumber('rpo_alpha');
  const numbers = Array.isArray(weights) ? (weights as readonly unknown[]) : undefined;
  if (rpo !== undefined && weights !== undefined && numbers?.length !== names.length)
    conversion.refuse('rpo_alpha', 'loss_weights does not have one weight per loss', 'give one weight per loss');
  if (rpo !== undefined) {
    conversion.set('training.loss_type', [...names, 'sft'], 'rpo_alpha');
    conversion.set('training.loss_weights', [...(numbers ?? names.map(() => 1)), rpo], 'rpo_alpha');
    const beside = weights === undefined ? '' : ', in addition to those in the file';
    conversion.changed('rpo_alpha', `a sum of losses: loss_type with "sft", weighted by loss_weights${beside}`);
  } else {
    conversion.set('training.loss_type', names.length === 1 ? names[0] : names, 'loss_type');
    if (weights !== undefined) conversion.set('training.loss_weights', weights, 'loss_weights');
  }
  const own = names.find((loss) => loss === 'ipo' || loss === 'sigmoid_norm');
  if (own !== undefined) conversion.changed('loss_type', `${String(own)}: ${OWN_LENGTH}`);
}

/** What is a DPO without its reference is CPO without its likelihood: the same formula. */
function withoutReference(conversion: Conversion, names: readonly unknown[]): void {
  if (names.length !== 1 || names[0] !== 'sigmoid')
    conversion.refuse(
      'reference_free',
      `${JSON.stringify(names)} is not available without a reference`,
      'use the loss "sigmoid", or a reference',
    );
  conversion.set('training.loss_type', 'cpo', 'reference_free');
  conversion.set('training.cpo_alpha', 0, 'reference_free');
  conversion.changed('reference_free', 'loss_type "cpo" with cpo_alpha 0: the same without a reference');
}

/** `CPOConfig`'s: losses that compare with no reference, and a weight of the chosen response's likelihood. */
export function convertCpoLosses(conversion: Conversion): void {
  const loss = conversion.take('loss_type') ?? 'sigmoid';
  if ((conversion.takeNumber('alpha') ?? 0) !== 0 || loss === 'alphapo')
    conversion.refuse(
      loss === 'alphapo' ? 'loss_type' : 'alpha',
      'the reward shape of AlphaPO is not supported',
      'set alpha to 0, or remove it',
    );
  if (loss === 'sigmoid' || loss === 'cpo') {
    conversion.set('training.loss_type', 'cpo', 'loss_type');
    conversion.carry('cpo_alpha', 'training.cpo_alpha');
    return conversion.changed('loss_type', `loss_type "cpo", CPO's "sigmoid"; ${IMPLICIT}`);
  }
  if (loss !== 'simpo')
    conversion.refuse(
      'loss_type',
      `CPO's ${JSON.stringify(loss)} uses no reference, which is not supported`,
      'use "sigmoid" or "simpo", or DPO',
    );
  const alpha = conversion.takeNumber('cpo_alpha') ?? 1;
  if (alpha === 0) {
    conversion.set('training.loss_type', 'simpo', 'loss_type');
    return conversion.changed('loss_type', `simpo: ${IMPLICIT}`);
  }
  conversion.set('training.loss_type', ['simpo', 'sft'], 'loss_type');
  conversion.set('training.loss_weights', [1, alpha], 'cpo_alpha');
  const why = conversion.has('cpo_alpha') ? '' : "; TRL's cpo_alpha is 1 unless given";
  conversion.changed('loss_type', `a sum of "simpo" and "sft", weighted by loss_weights${why}; ${IMPLICIT}`);
}

/** ORPO has one loss. */
export function convertOrpoLoss(conversion: Conversion): void {
  conversion.take('loss_type');
  conversion.set('training.loss_type', 'orpo', 'loss_type');
  conversion.changed(
    'loss_type',
    `orpo: the likelihood covers the tokens of the chosen response in Wishbone, those of the prompt too in TRL; ${IMPLICIT}`,
  );
}

/** The recipes of SimPO's authors: the margin is given as a share of beta, and a weighted likelihood beside it. */
export function convertSimpoLoss(conversion: Conversion): void {
  const loss = conversion.take('loss_type') ?? 'sigmoid';
  if (loss !== 'sigmoid') conversion.refuse('loss_type', `SimPO's ${JSON.stringify(loss)} is not supported`, 'use "sigmoid"');
  const beta = conversion.takeNumber('beta') ?? 2;
  conversion.set('training.beta', beta, 'beta');
  const ratio = conversion.takeNumber('gamma_beta_ratio') ?? 0.25;
  conversion.set('training.simpo_gamma', Number((beta * ratio).toPrecision(12)), 'gamma_beta_ratio');
  conversion.changed('gamma_beta_ratio', `training.simpo_gamma, which is beta × gamma_beta_ratio: ${beta} × ${ratio}`);
  const weight = conversion.takeNumber('sft_weight') ?? 0;
  conversion.set('training.loss_type', weight === 0 ? 'simpo' : ['simpo', 'sft'], 'loss_type');
  if (weight !== 0) conversion.set('training.loss_weights', [1, weight], 'sft_weight');
  conversion.changed('loss_type', `simpo; ${IMPLICIT}`);
}
