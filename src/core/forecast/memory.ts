import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { ExitCode, WishboneError } from '../errors.js';
import { makeTemporaryFolder } from '../files/temporary-folder.js';
import type { RecomputedLayers } from '../options/index.js';
import type { RunConfig } from '../run/config.js';
import { PLAN_FILE, RUN_FILE, runText } from '../run/folder.js';
import { locateRunner } from '../runner/locate-runner.js';
import { exitText, parseRunnerError } from '../runner/runner.js';
import { runnerCommand } from '../runner/runner-command.js';

/** What `wishbone-runner plan-memory --json` prints (docs/formats.md); bytes. */
export interface MemoryForecast {
  readonly backend: string;
  readonly bytes: number;
  readonly weights: number;
  readonly optimizer: number;
  readonly activations: number;
  readonly context: number;
  /** Of the host's memory, for what is kept there; not in `bytes`. Undefined from an older runner. */
  readonly host?: number;
  /** What is computed again so that activations take no more; undefined from an older runner. */
  readonly recompute?: RecomputedLayers;
  /** Of the GPU; undefined on the CPU. */
  readonly deviceBytes?: number;
  readonly fits?: boolean;
  /** What to change when it does not fit. */
  readonly advice?: string;
}

const PATIENCE_MILLISECONDS = 60_000;

/** A folder of its own for a plan that the runner is asked about before there is a run. */
export class PlanScratch {
  #folder: Promise<string> | undefined;

  /** Where the plan goes; the folder is made when it is first asked for. */
  async planFile(): Promise<string> {
    return path.join(await (this.#folder ??= makeTemporaryFolder('wishbone-forecast-')), PLAN_FILE);
  }

  /**
   * Peak memory of a run with the plan that was written last.
   *
   * @throws WishboneError with the runner's own error, or when there is no runner; the signal's reason
   */
  async memory(config: RunConfig, signal: AbortSignal): Promise<MemoryForecast> {
    const folder = path.dirname(await this.planFile());
    await writeFile(path.join(folder, RUN_FILE), runText(config));
    const runner = await locateRunner();
    const { execa } = await import('execa');
    const ended = await execa(...runnerCommand(runner, ['plan-memory', folder, '--json']), {
      reject: false,
      stdin: 'ignore',
      timeout: PATIENCE_MILLISECONDS,
      cancelSignal: signal,
    });
    signal.throwIfAborted();
    if (ended.exitCode === 0) return parseMemory(ended.stdout, runner);
    const said = parseRunnerError(ended.stderr.split('\n'));
    if (said !== undefined) throw new WishboneError(said.what, said.where, said.advice);
    const how = exitText({ exitCode: ended.exitCode ?? null, signal: ended.signal ?? null });
    throw new WishboneError(`the runner cannot say how much memory it needs: ${how}`, runner, 'build or install it again');
  }

  async dispose(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder !== undefined) await rm(await folder, { recursive: true, force: true });
  }
}

/** @throws WishboneError when it is not what the runner prints */
export function parseMemory(json: string, runner: string): MemoryForecast {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (!isMemory(value)) {
    const advice = 'build the runner and the extension from the same version';
    throw new WishboneError('the runner printed no memory plan', runner, advice, ExitCode.internal);
  }
  return value;
}

function isMemory(value: unknown): value is MemoryForecast {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const bytes = ['bytes', 'weights', 'optimizer', 'activations', 'context'].every((name) => isBytes(fields[name]));
  const { backend, deviceBytes, fits, advice, host, recompute } = fields;
  return (
    bytes &&
    typeof backend === 'string' &&
    (deviceBytes === undefined || isBytes(deviceBytes)) &&
    (host === undefined || isBytes(host)) &&
    (recompute === undefined || isRecomputed(recompute)) &&
    (fits === undefined || typeof fits === 'boolean') &&
    (advice === undefined || typeof advice === 'string')
  );
}

function isRecomputed(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return ['layers', 'mlp', 'block'].every((name) => Number.isSafeInteger(fields[name]) && (fields[name] as number) >= 0);
}

function isBytes(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
