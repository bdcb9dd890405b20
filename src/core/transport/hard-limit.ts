import { readFileSync } from 'node:fs';
import { programPath } from '../files/program-path.js';

const MiB = 2 ** 20;

/** Bytes beyond the memory a process may have in use: stacks of threads, code, and what V8 has set aside. */
const SLACK = 1024 * MiB;

/**
 * What is put before a command so that the kernel gives it no more memory than that: `watchLimits` looks every now and then, and
 * between two looks a process can take gigabytes. It is a limit on data (RLIMIT_DATA: writable memory that is no file's) and not on
 * addresses, of which V8 and WebAssembly reserve terabytes that they never use. Allocations beyond it fail: of buffers and
 * WebAssembly with an exception, of V8's own heap with the end of the process, for which `--max-old-space-size` comes first. It is the
 * soft limit alone: the process's own children have it too, unless {@link liftedLimit} is put before them.
 *
 * @returns nothing where there is no `prlimit` (util-linux), and in Electron, whose own allocator takes its data in large
 *   pieces ahead; there the looks are all there is
 */
export function hardLimit(memory: number, env: NodeJS.ProcessEnv = process.env): readonly string[] {
  if (process.platform !== 'linux' || process.versions['electron'] !== undefined) return [];
  const program = (known ??= { path: programPath('prlimit', env) }).path;
  return program === undefined ? [] : [program, `--data=${Math.ceil(memory + SLACK)}:`, '--'];
}

/** In the environment of a process that was started with {@link hardLimit}. */
export const LIMITED_VARIABLE = 'WISHBONE_DATA_LIMITED';

/**
 * What is put before a program that a limited process starts and that may take what it needs, as the runner: a model is larger than any dataset
 * that is read here.
 */
export function liftedLimit(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  if (env[LIMITED_VARIABLE] === undefined) return [];
  const program = programPath('prlimit', env);
  // "Max data size  SOFT  HARD  bytes"
  const hard = /^Max data size\s+\S+\s+(\d+|unlimited)\s/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return program === undefined || hard === undefined ? [] : [program, `--data=${hard}:`, '--'];
}

let known: { readonly path: string | undefined } | undefined;
