import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';

export const repository = resolve(import.meta.dirname, '../..');
export const runner = join(repository, 'dist/bin/wishbone-runner');
export const cli = join(repository, 'dist/cli.js');
export const exampleModel = join(repository, 'examples/tiny-llama');
export const exampleData = join(repository, 'examples/preferences.jsonl');

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as a person would, and returns what it printed. */
export async function wishbone(...args: string[]): Promise<Outcome> {
  return outcome(process.execPath, [cli, ...args]);
}

/** Runs the native runner. */
export async function runnerCommand(...args: string[]): Promise<Outcome> {
  return outcome(runner, args);
}

/** Runs any command to its end; a non-zero exit is an outcome, not an error. */
export async function outcome(command: string, args: string[]): Promise<Outcome> {
  // execa is ESM only, and the tests are loaded as CommonJS.
  const { execa } = await import('execa');
  const result = await execa(command, args, { reject: false, stdin: 'ignore' });
  return { code: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** A folder that is gone when the test ends. */
export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wishbone-cli-'));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
