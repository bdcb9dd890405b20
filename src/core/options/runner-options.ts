import { option, type Options, type ValuesOf } from './option.js';
import { choice, FLAG, integer, integerListOrAuto, integerOrList, pathOrNone } from './rule.js';

/** Devices that work on one run together, and the largest number of one. */
const MOST_DEVICES = 64;
const MOST_NUMBER = 1023;
const NUMBERS = { min: 0, max: MOST_NUMBER, most: MOST_DEVICES };

/** What carries the run out. */
export const RUNNER_OPTIONS = {
  /** The `start` event says which of the two `auto` was. */
  backend: option({
    rule: choice(['auto', 'cpu', 'cuda']),
    default: 'auto',
    label: 'Backend',
    help: 'where to compute; auto: a GPU if the runner can use one, otherwise the CPU',
  }),
  threads: option({ rule: integer(0, 4096), default: 0, label: 'Threads', help: 'threads on the CPU; 0: all cores' }),
  recompute: option({
    rule: choice(['auto', 'none', 'mlp', 'block']),
    default: 'auto',
    label: 'Recompute',
    help:
      'part of each layer that is computed twice to save memory: nothing, its MLP, or all of it; ' +
      'auto: of as many layers as memory needs, and no more',
    absent: 'default',
  }),
  /** Everything else stays as it is: attention, head, embedding, norms, master weights, optimizer. */
  precision: option({
    rule: choice(['bf16', 'fp8']),
    default: 'bf16',
    label: 'Precision',
    help: 'what linear layers are computed in; fp8: faster on a Hopper GPU (H100, H200), less exact; the CPU computes in f32',
    absent: 'default',
  }),
  /** Sums have a fixed order. */
  deterministic: option({
    rule: FLAG,
    default: false,
    label: 'Deterministic',
    help: 'make identical runs bit-identical on a GPU too; slower there',
    absent: 'default',
  }),
  /** As CUDA counts them. */
  device: option({ rule: integer(0, MOST_NUMBER), default: 0, label: 'GPU', help: 'number of the GPU to use', absent: 'default' }),
  /** A number counts GPUs from `device` on, or parts of the CPU. */
  devices: option({
    rule: integerListOrAuto(1, MOST_DEVICES, NUMBERS),
    default: 'auto',
    label: 'Devices',
    help: 'how many devices work on the run together, or which GPUs: 0,2; auto: all GPUs that no other run uses, one where NCCL is missing, and one on a CPU',
    absent: { means: 1 },
    decided: { rule: integerOrList(1, MOST_DEVICES, NUMBERS), value: 1 },
  }),
  shard: option({
    rule: choice(['auto', 'none', 'optimizer', 'gradients', 'parameters']),
    default: 'auto',
    label: 'Sharding',
    help:
      'what several devices keep only a part of each: nothing, the optimizer state, also the gradients, or the parameters too; ' +
      'auto: the least that fits into memory',
    absent: 'default',
  }),
  /** The host's memory is that of the CPU backend anyway. */
  offload: option({
    rule: choice(['none', 'optimizer']),
    default: 'none',
    label: 'Offload',
    help:
      "what is kept in the host's memory and streamed through the GPU in each step: nothing, or the optimizer state, for a model " +
      'that would not fit otherwise',
    absent: 'default',
  }),
  cublaslt: option({
    rule: pathOrNone,
    default: '',
    label: 'cuBLASLt',
    help: 'path of the cuBLASLt library; default: search the usual places. It is code, so run configs may not name it',
    absent: 'default',
    path: 'file',
    flagOnly: true,
  }),
} as const satisfies Options;

export interface RunnerOptions extends ValuesOf<typeof RUNNER_OPTIONS> {}

/** The same with all decided, as `run.json` has it. */
export interface DecidedRunner extends Omit<RunnerOptions, 'devices'> {
  readonly devices: number | readonly number[];
}

/** How many devices work on a run. */
export function deviceCount({ devices }: Pick<RunnerOptions, 'devices'>): number {
  if (devices === 'auto') return 1;
  return typeof devices === 'number' ? devices : devices.length;
}
