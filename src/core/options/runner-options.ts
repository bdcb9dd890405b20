import { option, type Options, type ValuesOf } from './option.js';
import { choice, FLAG, integer, pathOrNone } from './rule.js';

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
    rule: choice(['none', 'mlp', 'block']),
    default: 'none',
    label: 'Recompute',
    help: 'part of each layer that is computed twice to save memory: nothing, its MLP, or all of it',
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
  device: option({ rule: integer(0, 1023), default: 0, label: 'GPU', help: 'number of the GPU to use', absent: 'default' }),
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
