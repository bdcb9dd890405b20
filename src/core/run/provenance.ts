import path from 'node:path';

import { version } from '../../../package.json';

/** What a run was made with. */
export interface MadeWith {
  /** Version of Wishbone. */
  readonly wishbone: string;
  /** The repository that the run lies in; absent where it lies in none. */
  readonly git?: {
    /** Of the commit that was checked out. */
    readonly commit: string;
    /** Whether files that git knows had changes that were not committed. */
    readonly dirty: boolean;
  };
}

/** A repository so large that git does not answer in time says nothing of a run. */
const GIT_MILLISECONDS = 3000;

/**
 * What a run is made with now.
 *
 * @param runsFolder where the run will lie; need not exist
 */
export async function madeWith(runsFolder: string): Promise<MadeWith> {
  // The workspace: runs are kept under `.wishbone/runs`, which git is told to ignore.
  const folder = path.resolve(runsFolder, '..', '..');
  const [commit, changes] = await Promise.all([
    git(folder, 'rev-parse', '--verify', 'HEAD'),
    git(folder, 'status', '--porcelain', '--untracked-files=no'),
  ]);
  if (commit === undefined || changes === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return { wishbone: version };
  return { wishbone: version, git: { commit, dirty: changes !== '' } };
}

/** What git says; undefined when there is no git, no repository, or no answer. */
async function git(folder: string, ...args: string[]): Promise<string | undefined> {
  const { execa } = await import('execa');
  // No program that the repository names is started, and nothing in it is written.
  const safe = ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];
  const ended = await execa('git', ['-C', folder, ...safe, ...args], { reject: false, stdin: 'ignore', timeout: GIT_MILLISECONDS });
  return ended.exitCode === 0 ? ended.stdout.trim() : undefined;
}
