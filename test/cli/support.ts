import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** Characters that are left of each text of {@link briefData}. */
const BRIEF = 24;
let brief: string | undefined;

/**
 * The example's pairs with little of each text, so that a step takes some ten milliseconds where the whole ones take half a second: for tests
 * of what becomes of a run, whatever it trains on. Gone when the test file ends.
 */
export function briefData(): string {
  if (brief !== undefined) return brief;
  const folder = mkdtempSync(join(tmpdir(), 'wishbone-brief-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const cut = (messages: readonly Message[], from: number, to?: number): Message[] =>
    messages.slice(-1).map(({ role, content }) => ({ role, content: content.slice(from, to) }));
  const rows = readFileSync(exampleData, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<'prompt' | 'chosen' | 'rejected', readonly Message[]>);
  const short = rows.map(({ prompt, chosen, rejected }) => ({
    prompt: cut(prompt, -BRIEF),
    chosen: cut(chosen, 0, BRIEF),
    rejected: cut(rejected, 0, BRIEF),
  }));
  brief = join(folder, 'preferences.jsonl');
  writeFileSync(brief, short.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return brief;
}

interface Message {
  readonly role: string;
  readonly content: string;
}
