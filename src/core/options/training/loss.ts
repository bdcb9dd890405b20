import { LOSS_TYPES, lossesWith } from '../losses.js';
import { option, type Options } from '../option.js';
import { choice, FLAG, list, number, oneOrList } from '../rule.js';

/** What is minimised (docs/methods.md). */
export const LOSS_OPTIONS = {
  loss_type: option({
    rule: oneOrList(choice(LOSS_TYPES)),
    default: 'sigmoid',
    label: 'Loss',
    help: 'the preference loss, or several, whose weighted sum is minimised',
  }),
  loss_weights: option({
    rule: list(number(0, 1e6)),
    default: [],
    label: 'Loss weights',
    help: 'one weight per loss; without them all losses count equally',
    absent: 'default',
  }),
  beta: option({
    rule: number(0, 1000, 'min'),
    default: 0.1,
    label: 'Beta',
    help: 'how strongly the trained model is kept close to the reference',
    noMemory: true,
  }),
  label_smoothing: option({
    rule: number(0, 1, 'max'),
    default: 0,
    label: 'Label smoothing',
    help: `probability that a label is wrong; for ${lossesWith('labelSmoothing').join(', ')}`,
    absent: 'default',
    noMemory: true,
  }),
  f_divergence_type: option({
    rule: choice(['reverse_kl', 'forward_kl', 'js_divergence', 'alpha_divergence']),
    default: 'reverse_kl',
    label: 'Divergence',
    help: 'measures how far the policy is from the reference',
    absent: 'default',
  }),
  f_alpha_divergence_coef: option({
    rule: number(-1000, 1000),
    default: 0.5,
    label: 'Alpha',
    help: 'alpha for alpha_divergence',
    absent: 'default',
    noMemory: true,
  }),
  ld_alpha: option({
    rule: number(0, 1),
    default: 1,
    label: 'LD-DPO alpha',
    help: 'LD-DPO: weight of tokens past the length of the shorter response; 1: same as the others',
    absent: 'default',
  }),
  use_weighting: option({
    rule: FLAG,
    default: false,
    label: 'WPO weighting',
    help: 'WPO: weight pairs by how likely the policy is to write them',
    absent: 'default',
  }),
  discopop_tau: option({
    rule: number(0, 1e9, 'min'),
    default: 0.05,
    label: 'DiscoPOP tau',
    help: 'temperature for discopop',
    absent: 'default',
    noMemory: true,
  }),
  simpo_gamma: option({
    rule: number(-1e9, 1e9),
    default: 0.5,
    label: 'SimPO gamma',
    help: 'reward margin for simpo',
    absent: 'default',
    noMemory: true,
  }),
  cpo_alpha: option({
    rule: number(0, 1e9),
    default: 1,
    label: 'CPO alpha',
    help: 'weight of the negative log-likelihood in cpo',
    absent: 'default',
  }),
} as const satisfies Options;
