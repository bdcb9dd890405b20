import { spawn } from 'node:child_process';
import path from 'node:path';
import { cannotWrite } from '../files/atomic-file.js';
import { makeFolders } from '../files/make-folders.js';
import { programPath } from '../files/program-path.js';

/**
 * Does work while it holds a file's lock (`flock(2)`), which `huggingface_hub` takes as well. Node.js has no call for it: the
 * program `flock` holds it for as long as its standard input is open, and that ends with this process, however it ends.
 *
 * @param withoutLock is done where the system has no such program: nobody else may be kept from the file then
 * @throws what the work throws; the signal's reason while it waits
 */
export async function withLock<T>(file: string, work: () => Promise<T>, withoutLock: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    await makeFolders(path.dirname(file));
  } catch (error) {
    throw cannotWrite(file, error);
  }
  signal?.throwIfAborted();
  const [flock, shell] = [programPath('flock'), programPath('sh')];
  if (flock === undefined || shell === undefined) return withoutLock();
  // A group of its own: Ctrl-C in the terminal is for this process to answer.
  const holder = spawn(flock, [file, shell, '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  holder.stdin.on('error', () => undefined);
  const end = (): void => {
    holder.stdin.end();
    holder.stdout.destroy();
  };
  try {
    const held = await new Promise<boolean>((resolve, reject) => {
      const abort = (): void => {
        // It waits in the kernel, and its input says nothing to it there.
        holder.kill('SIGKILL');
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const settled = (is: boolean) => (): void => {
        signal?.removeEventListener('abort', abort);
        resolve(is);
      };
      holder.stdout.once('data', settled(true));
      holder.once('error', settled(false));
      holder.once('exit', settled(false));
    });
    return await (held ? work() : withoutLock());
  } finally {
    end();
  }
}
