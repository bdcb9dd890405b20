import type { RunnerOptions } from '../options/index.js';

/** How the runner's commands are told what to run on (docs/formats.md). */
export function runnerFlags({ backend, threads, deterministic, device, cublaslt }: RunnerOptions): string[] {
  return [
    ...['--backend', backend, '--threads', String(threads), '--device', String(device)],
    ...(deterministic ? ['--deterministic'] : []),
    ...(cublaslt === '' ? [] : ['--cublaslt', cublaslt]),
  ];
}
