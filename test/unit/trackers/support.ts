import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { runText } from '../../../src/core/run/folder.js';
import type { RunConfig } from '../../../src/core/run/index.js';
import { askFor, placesOf, type TrackerName, type Variables } from '../../../src/core/trackers/index.js';
import { eventLine, exampleConfig, temporaryFolder } from '../run/support.js';

/** Nothing is waited for longer than a test has to. */
export const QUICK = { pause: 5, retry: 5, longest: 40, linger: 400, quiet: 0 };

/** A run folder that goes to trackers. @param changed of the example's config */
export async function trackedFolder(
  t: TestContext,
  names: readonly TrackerName[],
  variables: Variables,
  changed: Partial<RunConfig> = {},
): Promise<string> {
  const folder = path.join(await temporaryFolder(t), 'a run');
  await mkdir(folder);
  await writeFile(path.join(folder, 'run.json'), runText({ ...exampleConfig(), ...changed }));
  await askFor(folder, placesOf(names, variables));
  return folder;
}

export const append = (folder: string, ...lines: readonly string[]): Promise<void> =>
  appendFile(path.join(folder, 'events.jsonl'), lines.join(''));

export const finishedLine = (): string => eventLine('finished', { steps: 10, seconds: 5 });
export const stoppedLine = (step: number): string => eventLine('stopped', { step });
export const failedLine = (): string => eventLine('failed', { what: 'w', where: '/home/somebody/secret', advice: 'a', exitCode: 5 });
