import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { makeTemporaryFolder } from '../files/temporary-folder.js';
import type { WorkOptions } from '../work/progress.js';
import type { RunnerOptions } from '../options/index.js';
import { locateRunner } from '../runner/locate-runner.js';
import { parseRunnerError } from '../runner/runner.js';
import { runnerCommand } from '../runner/runner-command.js';
import { runnerFlags } from '../runner/runner-flags.js';
import type { SampledModel } from './models.js';

/** How tokens are chosen; names as transformers' `GenerationConfig`. */
export interface SamplingOptions {
  readonly max_new_tokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  readonly top_p: number;
  readonly seed: number;
}

/** How a model with these end tokens goes on. */
export interface TokenOptions extends SamplingOptions {
  readonly end_tokens: readonly number[];
}

/** Work that hears of each completion as it comes. */
export interface CompletionWork extends WorkOptions {
  /**
   * @param at the prompt's place
   * @param isBelow by the model below the adapter
   */
  readonly onCompletion?: ((at: number, tokens: readonly number[], isBelow: boolean) => void) | undefined;
}

/**
 * Completes prompts with the native runner.
 *
 * @returns tokens behind each prompt, an end token last where there is one
 * @throws WishboneError with what the runner says
 */
export async function complete(
  model: SampledModel,
  prompts: readonly (readonly number[])[],
  options: TokenOptions,
  runner: RunnerOptions,
  work: CompletionWork = {},
  /** The runner's path, where it is known already: threads do not know which one was chosen. */
  known?: string,
): Promise<number[][]> {
  return (await linesOf(model, { prompts, ...options }, runner, work, known)).map(({ tokens }) => tokens);
}

/**
 * Completes the same prompts by a model with an adapter and by the one below it, whose weights are loaded once.
 *
 * @returns tokens behind each prompt, as {@link complete} has them
 * @throws WishboneError with what the runner says
 */
export async function completeBoth(
  model: SampledModel,
  prompts: readonly (readonly number[])[],
  options: TokenOptions,
  runner: RunnerOptions,
  work: CompletionWork = {},
  known?: string,
): Promise<{ readonly above: number[][]; readonly below: number[][] }> {
  const lines = await linesOf(model, { prompts, ...options, also_below: true }, runner, work, known);
  const of = (adapter: false | undefined): number[][] => lines.filter((line) => line.adapter === adapter).map(({ tokens }) => tokens);
  return { above: of(undefined), below: of(false) };
}

/** A line of `wishbone-runner sample` (docs/formats.md). */
interface Line {
  readonly prompt: number;
  readonly tokens: number[];
  /** False: by the model below the adapter. */
  readonly adapter?: false;
}

async function linesOf(model: SampledModel, asked: object, runner: RunnerOptions, work: CompletionWork, known?: string): Promise<Line[]> {
  const program = known ?? (await locateRunner());
  const folder = await makeTemporaryFolder('wishbone-sample-');
  try {
    const request = path.join(folder, 'request.json');
    await writeFile(request, JSON.stringify(asked));
    const adapter = model.adapter === undefined ? [] : ['--adapter', model.adapter];
    const { onCompletion } = work;
    const told = function* (line: unknown): Generator<unknown> {
      const completion = line === '' ? undefined : (JSON.parse(String(line)) as Line);
      if (completion !== undefined) onCompletion?.(completion.prompt, completion.tokens, completion.adapter === false);
      yield line;
    };
    const { execa } = await import('execa');
    const ended = await execa(...runnerCommand(program, ['sample', model.folder, request, ...adapter, ...runnerFlags(runner)]), {
      reject: false,
      stdin: 'ignore',
      ...(onCompletion ? { stdout: told } : {}),
      ...(work.signal ? { cancelSignal: work.signal } : {}),
    });
    work.signal?.throwIfAborted();
    if (ended.exitCode !== 0) throw ofRequest(runnerFailure(program, ended.exitCode, ended.stderr), request);
    return ended.stdout.split('\n').map((line) => JSON.parse(line) as Line);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An error about a field of the request, which nobody has seen, says which prompt or option it is about. */
function ofRequest(error: WishboneError, request: string): WishboneError {
  const field = error.where.startsWith(`${request}: `) ? error.where.slice(request.length + 2) : undefined;
  if (field === undefined) return error;
  const where = field.replace(/^prompts\[(\d+)\]/, (_, index: string) => `prompt ${Number(index) + 1}`);
  return new WishboneError(error.what, where, error.advice, error.exitCode);
}

/** What a runner that gave up has said, as an error. */
export function runnerFailure(program: string, code: number | undefined, stderr: string): WishboneError {
  const said = parseRunnerError(stderr.split('\n'));
  const exitCode = Object.values(ExitCode).find((known) => known === code && known !== ExitCode.ok) ?? ExitCode.internal;
  if (said) return new WishboneError(said.what, said.where, said.advice, exitCode);
  return new WishboneError(`the runner ended without a result (exit code ${code ?? 'unknown'})`, program, 'try again', exitCode);
}
