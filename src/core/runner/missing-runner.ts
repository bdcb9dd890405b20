import { ExitCode, WishboneError } from '../errors.js';

/** Where a program runs, as Node.js calls it. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
}

const ELSEWHERE: Readonly<Record<string, readonly [name: string, advice: string]>> = {
  darwin: ['macOS', 'open the folder on a Linux machine (Remote - SSH) and install Wishbone there'],
  win32: ['Windows', 'open the folder in WSL (Remote - WSL), or on a Linux machine (Remote - SSH), and install Wishbone there'],
};
const PACKAGED: readonly string[] = ['x64', 'arm64'];

/**
 * That there is no runner, and what to do about it on such a machine.
 *
 * @param where it was looked for first
 * @param isInSources whoever works on the sources builds it; all others get it with the package
 */
export function missingRunner(where: string, isInSources: boolean, { platform, arch }: Machine = process): WishboneError {
  const elsewhere = ELSEWHERE[platform];
  if (elsewhere !== undefined) {
    const [name, advice] = elsewhere;
    return new WishboneError(
      `models are trained on Linux: there is no runner for ${name}`,
      where,
      `${advice}; all else works here`,
      ExitCode.internal,
    );
  }
  if (isInSources) return missing(where, 'build it with `npm run build:native`');
  if (platform !== 'linux' || !PACKAGED.includes(arch))
    return new WishboneError(
      `there is no runner for ${platform} on ${arch}`,
      where,
      'train on Linux x64, for example with Remote - SSH, or build it there from the sources; all else works here',
      ExitCode.internal,
    );
  return missing(where, `install the package of Wishbone for linux-${arch}: the one for all platforms has none`);
}

function missing(where: string, advice: string): WishboneError {
  return new WishboneError('the native runner is missing', where, `${advice}, or set WISHBONE_RUNNER to its path`, ExitCode.internal);
}
