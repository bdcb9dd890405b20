// Starting other programs from the scripts. No dependencies: these run before `npm ci` has.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** A failure whose message is all that a person needs: printed without a stack trace. */
export class Failure extends Error {}

/** Runs a script's main function; a `Failure` ends it with one line on stderr and exit code 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Whether the module at `url` (its `import.meta.url`) is the script that node was asked to run. */
export function isScript(url) {
  return process.argv[1] !== undefined && fileURLToPath(url) === process.argv[1];
}

/** Absolute path of a program in PATH, or undefined. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * Runs a program to its end, without stdin.
 * `quiet`: the output is kept back and shown only when the program fails.
 * Throws Failure when it cannot be started or ends with anything but 0.
 */
export function run(program, args, { cwd = root, env = process.env, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'] });
    let output = '';
    child.stdout?.on('data', (text) => (output += text));
    child.stderr?.on('data', (text) => (output += text));
    child.on('error', (error) => reject(new Failure(`cannot start ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Failure(`${output}${[program, ...args].join(' ')}: ${signal ?? `exit code ${code}`}`));
    });
  });
}

/**
 * Standard output of a program run to its end, without stdin; what it says on stderr is shown. Ctrl-C is left to the
 * program. Throws Failure when it ends with anything but 0.
 */
export async function output(program, args, { cwd = root, env = process.env } = {}) {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const patient = () => undefined;
  process.on('SIGINT', patient);
  try {
    return await new Promise((resolve, reject) => {
      let text = '';
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (part) => (text += part));
      child.on('error', (error) => reject(new Failure(`cannot start ${program}: ${error.message}`)));
      child.on('close', (code, signal) => {
        if (code === 0) resolve(text);
        else reject(new Failure(`${[program, ...args].join(' ')}: ${signal ?? `exit code ${code}`}`));
      });
    });
  } finally {
    process.off('SIGINT', patient);
  }
}

/** Standard output of a short program, trimmed, or undefined when it fails. */
export function read(program, args, cwd = root) {
  const result = spawnSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** A headline between the stages of a script. */
export function headline(text) {
  process.stdout.write(`\n== ${text} ==\n`);
}
