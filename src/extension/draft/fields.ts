import { type BackendInfo, autoBackend, type DevicesInUse, gpus, whyApart } from '../../core/runner/index.js';
import { OPTION_PATHS, optionChoices, optionKind, type OptionPath, optionRow } from '../../core/options/index.js';
import { formatBytes, sentence } from '../../format.js';
import type { FieldSpec } from '../../protocol/form.js';
import type { SectionSpec } from '../../protocol/launch.js';
import { KINDS_TEXT } from '../../core/dataset/file-kinds.js';
import { BEST_METRICS } from '../../metrics.js';

/** Fields that are no option of a run. */
const OWN: Readonly<Record<string, { readonly label: string; readonly help: string }>> = {
  dataset: {
    label: 'Dataset',
    help: `Preference file (${KINDS_TEXT}; wildcards work), folder that datasets saved, or dataset of the hub: org/name, org/name#split; a weight goes after a colon`,
  },
  model: {
    label: 'Model',
    help: 'Hugging Face folder with config.json, safetensors and tokenizer.json, or model of the hub: org/name, org/name@revision',
  },
  name: { label: 'Name', help: 'Name of the run or sweep; empty: the time and a word' },
  target: { label: 'Run on', help: 'This machine, or a Slurm target of the settings (wishbone.targets)' },
  reportTo: { label: 'Report to', help: 'Trackers that the run is sent to: mlflow, trackio, wandb, separated by commas; empty: none' },
  evalDataset: { label: 'Eval dataset', help: 'Preference file or dataset of the hub to evaluate on; empty: none' },
};

interface Section {
  readonly title: string;
  readonly fields: readonly string[];
  /** What few change. */
  readonly more: readonly string[];
}

/** The form, top to bottom: what people decide first comes first. */
const SECTIONS: readonly Section[] = [
  {
    title: 'Data and model',
    fields: ['dataset', 'model', 'plan.format', 'name'],
    more: ['plan.pairing', 'plan.min_margin', 'plan.columns', 'plan.on_bad_row', 'plan.chat_template'],
  },
  {
    title: 'Method',
    fields: [
      'training.loss_type',
      'training.beta',
      'training.label_smoothing',
      'training.simpo_gamma',
      'training.cpo_alpha',
      'training.discopop_tau',
      'training.reference',
    ],
    more: [
      'training.reference_model',
      'training.f_divergence_type',
      'training.f_alpha_divergence_coef',
      'training.ld_alpha',
      'training.use_weighting',
      'training.sync_ref_model',
      'training.ref_model_mixup_alpha',
      'training.ref_model_sync_steps',
      'training.sft_steps',
    ],
  },
  {
    title: 'Training',
    fields: [
      'training.learning_rate',
      'plan.epochs',
      'plan.batch_size',
      'training.lr_scheduler_type',
      'training.num_decay_steps',
      'training.decay_type',
      'training.min_lr_ratio',
    ],
    more: [
      'plan.max_steps',
      'training.warmup_ratio',
      'training.warmup_steps',
      'training.weight_decay',
      'training.max_grad_norm',
      'training.adam_beta1',
      'training.adam_beta2',
      'training.adam_epsilon',
      'training.adam_moments',
      'training.parameter_groups',
    ],
  },
  {
    title: 'Adapter',
    fields: ['training.use_peft', 'training.lora_r', 'training.lora_alpha', 'training.lora_target_modules', 'training.merge_adapter'],
    more: [
      'training.adapter_name_or_path',
      'training.adapter_reference',
      'training.use_rslora',
      'training.lora_rank_pattern',
      'training.lora_alpha_pattern',
    ],
  },
  {
    title: 'Plan',
    fields: ['plan.sharing', 'plan.capacity', 'plan.max_length'],
    more: ['plan.max_prompt_length', 'plan.seed', 'plan.order'],
  },
  {
    title: 'Evaluation, checkpoints and export',
    fields: ['evalDataset', 'training.eval_steps', 'training.sample_steps', 'training.save_minutes'],
    more: [
      'plan.eval_fraction',
      'training.sample_count',
      'training.sample_max_new_tokens',
      'training.sample_temperature',
      'training.save_steps',
      'training.save_final',
      'training.save_total_limit',
      'training.export_dtype',
      'training.load_best_model_at_end',
      'training.metric_for_best_model',
      'training.early_stopping_patience',
      'training.early_stopping_threshold',
    ],
  },
  {
    title: 'Runner',
    fields: ['target', 'reportTo', 'runner.backend', 'runner.devices', 'runner.recompute', 'runner.precision'],
    more: ['runner.shard', 'runner.offload', 'runner.threads', 'runner.device', 'runner.deterministic'],
  },
];

/** Fields of a sweep, by their ids in `sweep-draft.ts`. */
const SWEEP: readonly FieldSpec[] = [
  field('sweep.parallel', 'Runs at once', '1: one after another; auto: one for each GPU that is free, on the CPU one; or so many', 'text'),
  field('sweep.count', 'Random draw', 'So many of the combinations, drawn at random; empty: all of them', 'number'),
  field('sweep.halving', 'Stop hopeless runs early', 'Only the best go on after a comparison (successive halving)', 'flag'),
  field(
    'sweep.rungs',
    'Compare after',
    'Steps before the first comparison, each later one “Keep one of” times as far; or all of them: 100, 300',
    'text',
  ),
  field('sweep.factor', 'Keep one of', 'So many settings; the others stop with a checkpoint', 'number'),
  {
    ...field('sweep.metric', 'Compare by', 'Evaluation after that very step; seeds of a setting count together', 'choice'),
    choices: BEST_METRICS.map((name) => ({ value: name, label: name })),
  },
];

function field(id: string, label: string, help: string, kind: FieldSpec['kind']): FieldSpec {
  return { id, label, help, kind, choices: [], more: false };
}

/** What is decided about a sweep as a whole. */
export const SWEEP_SECTION: SectionSpec = { title: 'Sweep', fields: SWEEP };

/** Shown beside the losses, as part of them. */
const WITH_LOSSES: ReadonlySet<string> = new Set(['training.loss_weights']);

/** The form's sections. An option that has no place yet stands at the end. */
export function formSections(
  backends: readonly BackendInfo[],
  inUse: DevicesInUse = new Map(),
  targets: readonly string[] = [],
): SectionSpec[] {
  const placed = new Set(SECTIONS.flatMap(({ fields, more }) => [...fields, ...more]));
  const others = OPTION_PATHS.filter((option) => !placed.has(option) && !WITH_LOSSES.has(option) && !optionRow(option)?.flagOnly);
  const sections = others.length === 0 ? SECTIONS : [...SECTIONS, { title: 'More', fields: others, more: [] }];
  return sections.map(({ title, fields, more }) => ({
    title,
    fields: [
      ...fields.map((id) => specOf(id, false, backends, inUse, targets)),
      ...more.map((id) => specOf(id, true, backends, inUse, targets)),
    ],
  }));
}

function specOf(id: string, more: boolean, backends: readonly BackendInfo[], inUse: DevicesInUse, targets: readonly string[]): FieldSpec {
  const row = optionRow(id);
  if (id === 'target') {
    const choices = [{ value: '', label: 'This machine' }, ...targets.map((name) => ({ value: name, label: `Slurm: ${name}` }))];
    return { id, ...OWN[id]!, more, kind: 'choice', choices };
  }
  if (row === undefined) {
    const kind = id === 'model' ? 'path' : id === 'name' || id === 'reportTo' ? 'text' : 'paths';
    return { id, ...OWN[id]!, more, kind, choices: [] };
  }
  const help = sentence(row.example === undefined ? row.help : `${row.help}. JSON: ${row.example}`);
  const common = { id, label: row.label, help, more };
  if (row.path === 'folder') return { ...common, kind: 'path', choices: [] };
  const option = id as OptionPath;
  const choices = (optionChoices(option) ?? []).map((value) => ({
    value,
    label: option === 'runner.backend' ? backendLabel(value, backends) : value,
  }));
  if (option === 'training.loss_type') return { ...common, kind: 'losses', choices };
  const kind = optionKind(option);
  if (kind === 'numbers') {
    const apart = whyApart(backends);
    const said = apart === undefined ? help : `${help} Here one GPU a run: ${apart}`;
    return { ...common, help: said, kind: 'devices', choices: deviceChoices(backends, inUse) };
  }
  return { ...common, kind: kind === 'list' || kind === 'map' ? 'text' : kind, choices };
}

/** The GPUs that a run can be given, by their numbers, with what each is and whose it is. */
function deviceChoices(backends: readonly BackendInfo[], inUse: DevicesInUse): FieldSpec['choices'] {
  return gpus(backends).map(({ name, memory }, number) => {
    const run = inUse.get(number);
    const words = [
      `GPU ${number}`,
      name,
      ...(memory === undefined ? [] : [formatBytes(memory)]),
      run === undefined ? 'free' : `in use by ${run}`,
    ];
    return { value: String(number), label: words.join(' · ') };
  });
}

/** A choice of backend, and what it comes to on this machine where that is known. */
export function backendLabel(choice: string, backends: readonly BackendInfo[]): string {
  const info = backends.find(({ name }) => name === (choice === 'auto' ? autoBackend(backends) : choice));
  if (info === undefined) return choice;
  return `${choice}: ${info.available ? info.devices.map(({ name }) => name).join(', ') : 'not available'}`;
}
