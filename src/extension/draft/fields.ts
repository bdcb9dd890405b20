import {
  type BackendInfo,
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  autoBackend,
  optionChoices,
  optionKind,
  type OptionPath,
} from '../../core/run/index.js';
import { optionHelp } from '../../core/run/option-help.js';
import { sentence } from '../../format.js';
import type { FieldSpec } from '../../protocol/form.js';
import type { SectionSpec } from '../../protocol/launch.js';

interface Field {
  readonly id: string;
  readonly label: string;
  readonly help: string;
  readonly more?: true;
}

interface Section {
  readonly title: string;
  readonly fields: readonly Field[];
}

/** The form, top to bottom: what people decide first comes first, what few change is marked `more`. */
const SECTIONS: readonly Section[] = [
  {
    title: 'Data and model',
    fields: [
      { id: 'dataset', label: 'Dataset', help: 'Preference file: .jsonl, .json, .csv or .tsv, also gzipped, or .parquet; wildcards work; a weight goes after a colon' },
      { id: 'model', label: 'Model', help: 'Hugging Face folder with config.json, safetensors and tokenizer.json' },
      { id: 'plan.format', label: 'Dataset format', help: 'Form of the rows; auto: detected from the first row' },
      { id: 'name', label: 'Name', help: 'Name of the run; empty: the time and a word' },
      {
        id: 'plan.pairing',
        label: 'Pairing',
        help: 'For rows with several responses. all: every better one with every worse one; best: the best with each other one',
        more: true,
      },
      {
        id: 'plan.min_margin',
        label: 'Minimum margin',
        help: 'Smallest score difference that makes a pair; equal scores never make one',
        more: true,
      },
      {
        id: 'plan.columns',
        label: 'Columns',
        help: 'Columns of the file that hold the fields: prompt=question,chosen=good,rejected=bad',
        more: true,
      },
      {
        id: 'plan.on_bad_row',
        label: 'Unreadable rows',
        help: 'stop: fail at the first row that cannot be used; skip: leave such rows out and count them',
        more: true,
      },
      {
        id: 'plan.chat_template',
        label: 'Chat template',
        help: 'Renders messages. model: its own template; chatml, zephyr, plain: for models without one',
        more: true,
      },
    ],
  },
  {
    title: 'Method',
    fields: [
      { id: 'training.loss_type', label: 'Loss', help: 'With several losses, their weighted sum is minimised' },
      { id: 'training.beta', label: 'Beta', help: 'How strongly the model is kept close to the reference' },
      { id: 'training.label_smoothing', label: 'Label smoothing', help: 'Probability that a label is wrong' },
      { id: 'training.simpo_gamma', label: 'SimPO gamma', help: 'Reward margin for simpo' },
      { id: 'training.cpo_alpha', label: 'CPO alpha', help: 'Weight of the negative log-likelihood in cpo' },
      { id: 'training.discopop_tau', label: 'DiscoPOP tau', help: 'Temperature for discopop' },
      {
        id: 'training.reference',
        label: 'Reference',
        help: 'precompute: one pass before the first step; in_step: keep the reference in memory',
      },
      {
        id: 'training.reference_model',
        label: 'Reference model',
        help: 'Model folder of the reference; empty: the model itself before training',
        more: true,
      },
      { id: 'training.f_divergence_type', label: 'Divergence', help: 'Measures how far the policy is from the reference', more: true },
      { id: 'training.f_alpha_divergence_coef', label: 'Alpha', help: 'For alpha_divergence', more: true },
      {
        id: 'training.ld_alpha',
        label: 'LD-DPO alpha',
        help: 'Weight of tokens past the length of the shorter response; 1: same as the others',
        more: true,
      },
      { id: 'training.use_weighting', label: 'WPO weighting', help: 'Weight pairs by how likely the policy is to write them', more: true },
      { id: 'training.sync_ref_model', label: 'TR-DPO', help: 'Move the reference towards the policy during training', more: true },
      { id: 'training.ref_model_mixup_alpha', label: 'TR-DPO mix', help: 'How far the reference moves each time', more: true },
      { id: 'training.ref_model_sync_steps', label: 'TR-DPO steps', help: 'Steps between moves', more: true },
      { id: 'training.sft_steps', label: 'SFT steps', help: 'First steps that train on the chosen responses only', more: true },
    ],
  },
  {
    title: 'Training',
    fields: [
      { id: 'training.learning_rate', label: 'Learning rate', help: 'Peak rate, reached after warm-up' },
      { id: 'plan.epochs', label: 'Epochs', help: 'Passes over the dataset' },
      { id: 'plan.max_steps', label: 'Steps', help: 'Total optimizer steps, whatever the number of epochs; 0: decided by the epochs', more: true },
      { id: 'plan.batch_size', label: 'Batch size', help: 'Pairs in one optimizer step' },
      { id: 'training.lr_scheduler_type', label: 'Schedule', help: 'How the learning rate decays after warm-up' },
      { id: 'training.num_decay_steps', label: 'Decay steps', help: 'For warmup_stable_decay: length of the final decay' },
      { id: 'training.decay_type', label: 'Decay', help: 'For warmup_stable_decay: shape of the decay' },
      { id: 'training.min_lr_ratio', label: 'Minimum rate', help: 'For warmup_stable_decay: final rate as a fraction of the peak' },
      { id: 'training.warmup_ratio', label: 'Warm-up', help: 'Fraction of the steps spent raising the learning rate', more: true },
      { id: 'training.warmup_steps', label: 'Warm-up steps', help: 'Overrides the fraction; 0: no warm-up; -1: use the fraction', more: true },
      { id: 'training.weight_decay', label: 'Weight decay', help: 'For AdamW', more: true },
      { id: 'training.max_grad_norm', label: 'Gradient norm limit', help: 'Larger gradients are clipped to this norm; 0: no clipping', more: true },
      { id: 'training.adam_beta1', label: 'AdamW beta 1', help: 'Decay rate of the first moment', more: true },
      { id: 'training.adam_beta2', label: 'AdamW beta 2', help: 'Decay rate of the second moment', more: true },
      { id: 'training.adam_epsilon', label: 'AdamW epsilon', help: 'Added to the root of the second moment', more: true },
      {
        id: 'training.adam_moments',
        label: 'AdamW moments',
        help: 'bfloat16: half the memory, with stochastic rounding; GPU only',
        more: true,
      },
      {
        id: 'training.parameter_groups',
        label: 'Parameter groups',
        help: 'JSON: [{"pattern": "*.bias", "learning_rate": 1e-6, "weight_decay": 0}]; the first match wins',
        more: true,
      },
    ],
  },
  {
    title: 'Adapter',
    fields: [
      { id: 'training.use_peft', label: 'LoRA', help: 'Train an adapter instead of all parameters; needs far less memory' },
      { id: 'training.lora_r', label: 'Rank', help: 'Rank of the adapters' },
      { id: 'training.lora_alpha', label: 'LoRA alpha', help: "An adapter's output is multiplied by alpha / rank" },
      {
        id: 'training.lora_target_modules',
        label: 'Layers',
        help: 'Linear layers that get an adapter: names separated by commas, all-linear, or a regular expression',
      },
      { id: 'training.merge_adapter', label: 'Merge', help: 'Export the whole model with the adapter merged into it' },
      {
        id: 'training.adapter_name_or_path',
        label: 'Start adapter',
        help: 'PEFT folder of an adapter to continue from; it decides rank, alpha and layers',
        more: true,
      },
      {
        id: 'training.adapter_reference',
        label: 'Reference for the start adapter',
        help: 'adapter: a frozen copy of it, as in TRL; base: the base model without it',
        more: true,
      },
      { id: 'training.use_rslora', label: 'rsLoRA', help: 'Scale by alpha / sqrt(rank) instead', more: true },
      {
        id: 'training.lora_rank_pattern',
        label: 'Other ranks',
        help: 'JSON: {"down_proj": 32}; keys match a layer by regular expression or by the end of its name',
        more: true,
      },
      { id: 'training.lora_alpha_pattern', label: 'Other alphas', help: 'JSON, like other ranks', more: true },
    ],
  },
  {
    title: 'Plan',
    fields: [
      {
        id: 'plan.sharing',
        label: 'Sharing',
        help: 'pair: compute the prompt of a pair once; tree: also what pairs of a step share; none: no sharing',
      },
      { id: 'plan.capacity', label: 'Bin capacity', help: 'Maximum tokens in one forward pass; lower needs less memory' },
      { id: 'plan.max_length', label: 'Maximum length', help: 'In tokens, prompt and response together; the end of longer ones is cut off' },
      {
        id: 'plan.max_prompt_length',
        label: 'Maximum prompt length',
        help: 'In tokens; the start of longer prompts is cut off; 0: no separate limit',
        more: true,
      },
      { id: 'plan.seed', label: 'Seed', help: 'Decides the order of the pairs', more: true },
    ],
  },
  {
    title: 'Evaluation and checkpoints',
    fields: [
      { id: 'evalDataset', label: 'Eval dataset', help: 'Preference file to evaluate on; empty: none' },
      {
        id: 'plan.eval_fraction',
        label: 'Held out',
        help: 'Fraction of the pairs kept for evaluation; pairs with the same prompt stay together',
        more: true,
      },
      { id: 'training.eval_steps', label: 'Evaluate every', help: 'In steps; 0: never' },
      { id: 'training.sample_steps', label: 'Sample every', help: 'In steps; completions to read while it trains; 0: never' },
      { id: 'training.sample_count', label: 'Prompts sampled', help: 'How many prompts: the first distinct ones of the eval data, or else of the training data', more: true },
      { id: 'training.sample_max_new_tokens', label: 'Sample length', help: 'Maximum tokens in a completion', more: true },
      { id: 'training.sample_temperature', label: 'Sample temperature', help: '0: always the most likely token', more: true },
      { id: 'training.save_minutes', label: 'Checkpoint every', help: 'In minutes, and whenever the run is stopped; 0: not by time' },
      { id: 'training.save_steps', label: 'Checkpoint every steps', help: 'Also after every so many steps; 0: by time only', more: true },
      { id: 'training.save_final', label: 'Checkpoint at the end', help: 'Includes the optimizer state; the model is exported in any case', more: true },
      { id: 'training.save_total_limit', label: 'Checkpoints kept', help: 'Older ones are deleted; 0: keep all', more: true },
      { id: 'training.load_best_model_at_end', label: 'Export the best', help: 'Export the model of the best evaluation instead of the last', more: true },
      { id: 'training.metric_for_best_model', label: 'Judged by', help: 'Metric that decides which evaluation is the best', more: true },
      {
        id: 'training.early_stopping_patience',
        label: 'Patience',
        help: 'Stop after this many evaluations without improvement; 0: never',
        more: true,
      },
      {
        id: 'training.early_stopping_threshold',
        label: 'Minimum improvement',
        help: 'Smaller gains do not count as an improvement',
        more: true,
      },
    ],
  },
  {
    title: 'Runner',
    fields: [
      { id: 'runner.backend', label: 'Backend', help: 'auto: a GPU if the runner can use one, otherwise the CPU' },
      {
        id: 'runner.recompute',
        label: 'Recompute',
        help: 'Part of each layer that is computed twice to save memory: nothing, its MLP, or all of it',
      },
      { id: 'runner.threads', label: 'Threads', help: 'On the CPU; 0: all cores', more: true },
      { id: 'runner.device', label: 'GPU', help: 'Number of the GPU, starting at 0', more: true },
      { id: 'runner.deterministic', label: 'Deterministic', help: 'Make identical runs bit-identical on a GPU too; slower there', more: true },
    ],
  },
];

/** What is chosen with a dialog: folders, and files of which several make one dataset. */
const FOLDERS: ReadonlySet<string> = new Set(['model', 'training.reference_model']);
const DATASETS: ReadonlySet<string> = new Set(['dataset', 'evalDataset']);

/** Shown beside the losses, as part of them. */
const WITH_LOSSES: ReadonlySet<string> = new Set(['training.loss_weights']);

const DEFAULTS = { plan: DEFAULT_PLAN, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER };

/** Every option of a run, by its path in `run.json`. */
export const OPTION_PATHS: readonly OptionPath[] = Object.entries(DEFAULTS).flatMap(([group, options]) =>
  Object.keys(options).map((name) => `${group}.${name}` as OptionPath),
);

/** The form's sections. An option that nobody described yet stands at the end under its own name. */
export function formSections(backends: readonly BackendInfo[]): SectionSpec[] {
  const described = new Set(SECTIONS.flatMap(({ fields }) => fields.map(({ id }) => id)));
  const others = OPTION_PATHS.filter((option) => !described.has(option) && !WITH_LOSSES.has(option));
  const more = others.map((option) => ({ id: option, label: ownName(option), help: sentence(optionHelp(option)) }));
  const sections = more.length === 0 ? SECTIONS : [...SECTIONS, { title: 'More', fields: more }];
  return sections.map(({ title, fields }) => ({ title, fields: fields.map((field) => specOf(field, backends)) }));
}

function specOf({ id, label, help, more }: Field, backends: readonly BackendInfo[]): FieldSpec {
  const common = { id, label, help, more: more === true };
  if (FOLDERS.has(id)) return { ...common, kind: 'path', choices: [] };
  if (DATASETS.has(id)) return { ...common, kind: 'paths', choices: [] };
  if (!id.includes('.')) return { ...common, kind: 'text', choices: [] };
  const option = id as OptionPath;
  const choices = (optionChoices(option) ?? []).map((value) => ({
    value,
    label: option === 'runner.backend' ? backendLabel(value, backends) : value,
  }));
  if (option === 'training.loss_type') return { ...common, kind: 'losses', choices };
  const kind = optionKind(option);
  return { ...common, kind: kind === 'list' || kind === 'map' ? 'text' : kind, choices };
}

/** A choice of backend, and what it comes to on this machine where that is known. */
export function backendLabel(choice: string, backends: readonly BackendInfo[]): string {
  const info = backends.find(({ name }) => name === (choice === 'auto' ? autoBackend(backends) : choice));
  if (info === undefined) return choice;
  return `${choice}: ${info.available ? info.devices.map(({ name }) => name).join(', ') : 'not available'}`;
}

function ownName(option: string): string {
  return sentence(option.slice(option.indexOf('.') + 1).replaceAll('_', ' '));
}
