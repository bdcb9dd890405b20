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
      { id: 'dataset', label: 'Dataset', help: 'Preference file: .jsonl, .json, .csv or .tsv, also gzipped, or .parquet; wildcards; a weight behind a colon' },
      { id: 'model', label: 'Model', help: 'Hugging Face folder with config.json, safetensors and tokenizer.json' },
      { id: 'plan.format', label: 'Dataset format', help: "What the dataset's rows are; auto: told by the first" },
      { id: 'name', label: 'Name', help: 'Of the run; empty: made from time and a word' },
      {
        id: 'plan.pairing',
        label: 'Pairing',
        help: 'Rows with several responses. all: each better one over each worse; best: the best over each other',
        more: true,
      },
      {
        id: 'plan.min_margin',
        label: 'Least margin',
        help: 'Least difference of two scores that makes a pair; equal scores never do',
        more: true,
      },
      {
        id: 'plan.columns',
        label: 'Columns',
        help: "Names that the file has for the form's fields: prompt=question,chosen=good,rejected=bad",
        more: true,
      },
      {
        id: 'plan.on_bad_row',
        label: 'Unreadable rows',
        help: 'stop: a row that cannot be used ends the work; skip: it is left out and counted',
        more: true,
      },
      {
        id: 'plan.chat_template',
        label: 'Chat template',
        help: 'Of messages. model: its own; chatml, zephyr, plain: for models without one',
        more: true,
      },
    ],
  },
  {
    title: 'Method',
    fields: [
      { id: 'training.loss_type', label: 'Loss', help: 'Of several, the weighted sum is trained' },
      { id: 'training.beta', label: 'Beta', help: 'How strongly the model is held to where it started' },
      { id: 'training.label_smoothing', label: 'Label smoothing', help: 'Chance that a label is wrong' },
      { id: 'training.simpo_gamma', label: 'SimPO gamma', help: 'Reward margin of simpo' },
      { id: 'training.cpo_alpha', label: 'CPO alpha', help: 'Weight of the negative log-likelihood in cpo' },
      { id: 'training.discopop_tau', label: 'DiscoPOP tau', help: 'Temperature of discopop' },
      {
        id: 'training.reference',
        label: 'Reference',
        help: 'precompute: one pass before the first step; in_step: the start model stays in memory',
      },
      {
        id: 'training.reference_model',
        label: 'Reference model',
        help: 'Model folder of the reference; empty: the start model',
        more: true,
      },
      { id: 'training.f_divergence_type', label: 'Divergence', help: 'How far policy and reference are apart', more: true },
      { id: 'training.f_alpha_divergence_coef', label: 'Alpha', help: 'Of alpha_divergence', more: true },
      {
        id: 'training.ld_alpha',
        label: 'LD-DPO alpha',
        help: 'Weight of tokens beyond the length of the shorter response; 1: as the others',
        more: true,
      },
      { id: 'training.use_weighting', label: 'WPO weighting', help: 'Weights pairs by how likely the policy is to write them', more: true },
      { id: 'training.sync_ref_model', label: 'TR-DPO', help: 'The reference moves towards the policy', more: true },
      { id: 'training.ref_model_mixup_alpha', label: 'TR-DPO mix', help: 'How far the reference moves', more: true },
      { id: 'training.ref_model_sync_steps', label: 'TR-DPO steps', help: 'Steps between its moves', more: true },
      { id: 'training.sft_steps', label: 'SFT steps', help: 'Steps at the beginning on the chosen responses alone', more: true },
    ],
  },
  {
    title: 'Training',
    fields: [
      { id: 'training.learning_rate', label: 'Learning rate', help: 'The highest, reached after warm-up' },
      { id: 'plan.epochs', label: 'Epochs', help: 'Times every pair is trained on' },
      { id: 'plan.max_steps', label: 'Steps', help: 'In all, however many epochs that is; 0: as the epochs say', more: true },
      { id: 'plan.batch_size', label: 'Batch size', help: 'Pairs in one optimizer step' },
      { id: 'training.lr_scheduler_type', label: 'Schedule', help: 'How the learning rate falls after warm-up' },
      { id: 'training.num_decay_steps', label: 'Decay steps', help: 'Of warmup_stable_decay: steps of the fall at the end' },
      { id: 'training.decay_type', label: 'Decay', help: 'Of warmup_stable_decay: shape of the fall' },
      { id: 'training.min_lr_ratio', label: 'Least rate', help: 'Of warmup_stable_decay: where the fall ends, as a fraction' },
      { id: 'training.warmup_ratio', label: 'Warm-up', help: 'Fraction of the steps with a rising learning rate', more: true },
      { id: 'training.warmup_steps', label: 'Warm-up steps', help: 'Instead of the fraction; 0: none; -1: as the fraction says', more: true },
      { id: 'training.weight_decay', label: 'Weight decay', help: 'Of AdamW', more: true },
      { id: 'training.max_grad_norm', label: 'Gradient norm limit', help: 'Longer gradients are scaled down to it; 0: never', more: true },
      { id: 'training.adam_beta1', label: 'AdamW beta 1', help: 'Decay of the first moment', more: true },
      { id: 'training.adam_beta2', label: 'AdamW beta 2', help: 'Decay of the second moment', more: true },
      { id: 'training.adam_epsilon', label: 'AdamW epsilon', help: 'Added to the root of the second moment', more: true },
      {
        id: 'training.adam_moments',
        label: 'AdamW moments',
        help: 'bfloat16: half the memory, rounded stochastically; on a GPU only',
        more: true,
      },
      {
        id: 'training.parameter_groups',
        label: 'Parameter groups',
        help: 'JSON: [{"pattern": "*.bias", "learning_rate": 1e-6, "weight_decay": 0}]; the first match counts',
        more: true,
      },
    ],
  },
  {
    title: 'Adapter',
    fields: [
      { id: 'training.use_peft', label: 'LoRA', help: 'Train an adapter instead of all parameters: far less memory' },
      { id: 'training.lora_r', label: 'Rank', help: 'Of the adapters' },
      { id: 'training.lora_alpha', label: 'LoRA alpha', help: "An adapter's output is multiplied by alpha / rank" },
      {
        id: 'training.lora_target_modules',
        label: 'Layers',
        help: 'Linear layers with an adapter: names with commas between, all-linear, or a regular expression',
      },
      { id: 'training.merge_adapter', label: 'Merge', help: 'Export the whole model with the adapter merged into it' },
      {
        id: 'training.adapter_name_or_path',
        label: 'Start adapter',
        help: 'Path of the PEFT folder of an adapter to go on from; it decides rank, alpha and layers',
        more: true,
      },
      {
        id: 'training.adapter_reference',
        label: 'Reference of a start adapter',
        help: 'adapter: a frozen copy of it, as in TRL; base: the model below it',
        more: true,
      },
      { id: 'training.use_rslora', label: 'rsLoRA', help: 'Multiply by alpha / sqrt(rank) instead', more: true },
      {
        id: 'training.lora_rank_pattern',
        label: 'Other ranks',
        help: 'JSON: {"down_proj": 32}, by regular expression of a layer or the end of its name',
        more: true,
      },
      { id: 'training.lora_alpha_pattern', label: 'Other alphas', help: 'JSON, as other ranks', more: true },
    ],
  },
  {
    title: 'Plan',
    fields: [
      {
        id: 'plan.sharing',
        label: 'Sharing',
        help: 'pair: a common prompt is computed once; tree: so is what pairs of a step share; none: nothing is',
      },
      { id: 'plan.capacity', label: 'Bin capacity', help: 'Most tokens in one forward pass; lower needs less memory' },
      { id: 'plan.max_length', label: 'Longest sequence', help: 'Tokens of prompt and response; the rest is cut off' },
      {
        id: 'plan.max_prompt_length',
        label: 'Longest prompt',
        help: 'Tokens; the start of longer ones is cut off; 0: no limit of its own',
        more: true,
      },
      { id: 'plan.seed', label: 'Seed', help: 'Decides the order of the pairs', more: true },
    ],
  },
  {
    title: 'Evaluation and checkpoints',
    fields: [
      { id: 'evalDataset', label: 'Eval dataset', help: 'Preference file that is evaluated on; empty: none' },
      {
        id: 'plan.eval_fraction',
        label: 'Held out',
        help: 'Share of the pairs that is evaluated on instead of trained on; pairs with one prompt stay together',
        more: true,
      },
      { id: 'training.eval_steps', label: 'Evaluate every', help: 'Steps; 0: never' },
      { id: 'training.sample_steps', label: 'Sample every', help: 'Steps between completions to read; 0: none' },
      { id: 'training.sample_count', label: 'Prompts sampled', help: 'The first different ones of what is evaluated on, else trained on', more: true },
      { id: 'training.sample_max_new_tokens', label: 'Sample length', help: 'Most tokens of a completion', more: true },
      { id: 'training.sample_temperature', label: 'Sample temperature', help: '0: always the likeliest token', more: true },
      { id: 'training.save_minutes', label: 'Checkpoint every', help: 'Minutes, and whenever a run is stopped; 0: not by time' },
      { id: 'training.save_steps', label: 'Checkpoint every steps', help: 'Also every so many steps; 0: by time alone', more: true },
      { id: 'training.save_final', label: 'Checkpoint at the end', help: 'With the optimizer state; the exported model is there anyway', more: true },
      { id: 'training.save_total_limit', label: 'Checkpoints kept', help: 'Older ones are removed; 0: none is', more: true },
      { id: 'training.load_best_model_at_end', label: 'Keep the best', help: 'The exported model is that of the best evaluation', more: true },
      { id: 'training.metric_for_best_model', label: 'Judged by', help: 'What the best evaluation is told by', more: true },
      {
        id: 'training.early_stopping_patience',
        label: 'Patience',
        help: 'Evaluations without a better one after which training stops; 0: never',
        more: true,
      },
      {
        id: 'training.early_stopping_threshold',
        label: 'Least gain',
        help: 'A better one counts when it is better by more than this',
        more: true,
      },
    ],
  },
  {
    title: 'Runner',
    fields: [
      { id: 'runner.backend', label: 'Backend', help: 'auto: a GPU when the runner can use one, else the CPU' },
      {
        id: 'runner.recompute',
        label: 'Recompute',
        help: 'What of a layer is computed twice to save memory: nothing, its MLP, or all of it',
      },
      { id: 'runner.threads', label: 'Threads', help: 'On the CPU; 0: all cores', more: true },
      { id: 'runner.device', label: 'GPU', help: 'Its number, from 0', more: true },
      { id: 'runner.deterministic', label: 'Deterministic', help: 'Equal runs give equal bits on a GPU too; slower there', more: true },
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
