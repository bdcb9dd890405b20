import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannotWrite } from '../files/atomic-file.js';
import { WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';
import { ConnectionError, get, type Network } from './http.js';
import type { Wheel } from './wheel-index.js';

/** How often a cut connection is taken up again before somebody has to. */
const MOST_CUTS = 3;
const PAUSE_MILLISECONDS = 1000;

/** Bytes that an earlier attempt has brought. */
export async function fetchedBytes(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/**
 * Fetches a wheel to a file, going on where an earlier attempt ended, and checks its SHA-256.
 *
 * @param pause milliseconds before a cut connection is taken up again
 * @throws WishboneError when the connection stays cut (the file stays, to go on from), the disk is full, or the content is
 *   other than the index says (the file goes); the signal's reason
 */
export async function download(
  wheel: Wheel,
  file: string,
  network: Network,
  work: WorkOptions = {},
  pause = PAUSE_MILLISECONDS,
): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
  } catch (error) {
    throw cannotWrite(file, error);
  }
  for (let cuts = 0; ; ) {
    const before = await fetchedBytes(file);
    try {
      await fetchRest(wheel, file, before, network, work);
      break;
    } catch (error) {
      work.signal?.throwIfAborted();
      if (!(error instanceof ConnectionError)) throw error;
      // A connection that brings something each time gets there.
      cuts = (await fetchedBytes(file)) > before ? 1 : cuts + 1;
      if (cuts > MOST_CUTS) {
        const advice = 'check the network (behind a proxy: http.proxy, HTTPS_PROXY) and try again; the download continues where it stopped';
        throw new WishboneError(`the connection failed: ${error.message}`, wheel.url, advice);
      }
      await sleep(pause, undefined, work.signal === undefined ? {} : { signal: work.signal }).catch(() => work.signal?.throwIfAborted());
    }
  }
  const found = await hashOf(file, work);
  if (found === wheel.sha256) return;
  await rm(file, { force: true });
  throw new WishboneError(
    `the file is not what the index says: its SHA-256 begins with ${found.slice(0, 12)}, not ${wheel.sha256.slice(0, 12)}`,
    wheel.url,
    'try again; if it happens again, something on the way alters files: use another index',
  );
}

async function fetchRest(wheel: Wheel, file: string, before: number, network: Network, { signal, onProgress }: WorkOptions): Promise<void> {
  if (wheel.size !== undefined && before === wheel.size) return;
  const begin = wheel.size !== undefined && before > wheel.size ? 0 : before;
  const response = await get(wheel.url, begin === 0 ? {} : { Range: `bytes=${begin}-` }, network, signal);
  const { statusCode, headers } = response;
  // A server that does not know ranges sends all of it.
  const goesOn = statusCode === 206 && new RegExp(`^bytes ${begin}-`).test(headers['content-range'] ?? '');
  const from = goesOn ? begin : 0;
  const length = Number(headers['content-length']);
  const total = wheel.size ?? (Number.isFinite(length) ? from + length : 0);
  let done = from;
  let handle;
  try {
    handle = await open(file, from === 0 ? 'w' : 'a');
    onProgress?.({ phase: 'download', done, total });
    for await (const chunk of response) {
      const bytes = chunk as Buffer;
      await handle.writeFile(bytes);
      done += bytes.length;
      onProgress?.({ phase: 'download', done, total });
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    const { syscall, code = '' } = error as NodeJS.ErrnoException;
    if (syscall === 'write' && !['EPIPE', 'ECONNRESET'].includes(code)) throw cannotWrite(file, error);
    if (syscall === 'open') throw cannotWrite(file, error);
    throw new ConnectionError((error as Error).message);
  } finally {
    response.destroy();
    await handle?.close();
  }
  if (total > 0 && done < total) throw new ConnectionError(`it ended after ${done} of ${total} bytes`);
}

async function hashOf(file: string, { signal, onProgress }: WorkOptions): Promise<string> {
  const hash = createHash('sha256');
  const total = await fetchedBytes(file);
  let done = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) })) {
    hash.update(chunk as Buffer);
    done += (chunk as Buffer).length;
    onProgress?.({ phase: 'verify', done, total });
  }
  return hash.digest('hex');
}
