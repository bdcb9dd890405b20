import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const MiB = 2 ** 20;

/** Bytes beyond the memory a process may have in use: stacks of threads, code, and what V8 has set aside. */
const SLACK = 1024 * MiB;

/**
 * What is put before a command so that the kernel gives it no more memory than that: `watchLimits` looks every now and then, and
 * between two looks a process can take gigabytes. It is a limit on data (RLIMIT_DATA: writable memory that is no file's) and not on
 * addresses, of which V8 and WebAssembly reserve terabytes that they never use. Allocations beyond it fail: of buffers and
 * WebAssembly with an exception, of V8's own heap with the end of the process, for which `--max-old-space-size` comes first.
 *
 * @returns nothing where there is no `prlimit` (util-linux), and in Electron, whose own allocator takes its data in large
 *   pieces ahead; there the looks are all there is
 */
export function hardLimit(memory: number, env: NodeJS.ProcessEnv = process.env): readonly string[] {
  if (process.platform !== 'linux' || process.versions['electron'] !== undefined) return [];
  const program = (known ??= { path: find('prlimit', env['PATH'] ?? '') }).path;
  return program === undefined ? [] : [program, `--data=${Math.ceil(memory + SLACK)}`, '--'];
}

let known: { readonly path: string | undefined } | undefined;

function find(name: string, folders: string): string | undefined {
  // Only absolute ones: not whatever lies in the folder that is open.
  return folders
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
