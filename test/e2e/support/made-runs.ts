import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRunFolder, newRunConfig, type RunConfig } from '../../../src/core/run/index.js';
import { DEFAULT_RUNNER, LEAST_CAPACITY, PRESETS } from '../../../src/core/options/index.js';
import { EVENTS_FILE } from '../../../src/core/events/index.js';

/** Makes a run of the example data as the runner leaves one: its folder, whose event log holds `events`. */
export async function makeRun(
  workspace: string,
  name: string,
  {
    events,
    plan = '',
    training = {},
    dataset = {},
  }: {
    readonly events: string;
    readonly plan?: string;
    readonly training?: Partial<RunConfig['training']>;
    readonly dataset?: Partial<RunConfig['dataset']>;
  },
): Promise<string> {
  const preset = PRESETS[0]!;
  const config = newRunConfig({
    name,
    dataset: { path: join(workspace, 'preferences.jsonl'), sha256: 'a'.repeat(64), format: 'trl-explicit', pairs: 120, ...dataset },
    model: { path: join(workspace, 'tiny-llama') },
    plan: { ...preset.plan, capacity: LEAST_CAPACITY },
    training: { ...preset.training, ...training },
    runner: DEFAULT_RUNNER,
  });
  const folder = await createRunFolder(join(workspace, '.wishbone/runs'), config, (file) => writeFile(file, plan));
  await writeFile(join(folder, EVENTS_FILE), events);
  return folder;
}
