import { readFileSync, readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** The furthest back that a thread can stand. */
const LAST = 19;
/** Milliseconds in which what was told before long work can be shown. */
const HEAD_START = 700;
/** Share of the time that a thread waits for a core, from which the machine counts as busy. */
const BUSY = 0.1;
/** Milliseconds of rest on a machine where the thread waits all the time; less where it waits less. */
const LONGEST_REST = 500;

/**
 * What a thread that works for long does so that others are not kept waiting. Linux gives every thread a priority of its
 * own and says how long it waited for a core; elsewhere it only lets its own messages through.
 */
export class GiveWay {
  #ran = 0;
  #waited = 0;

  /**
   * To be awaited before work that takes long. Other threads and processes go before this thread from now on; there is no
   * way back.
   */
  async begin(): Promise<void> {
    try {
      setPriority(Number(path.basename(readlinkSync('/proc/thread-self'))), LAST);
    } catch {
      // It is a courtesy, not a need.
    }
    await sleep(HEAD_START);
  }

  /**
   * To be awaited every few milliseconds of work: messages to this thread come through. While the machine is busy it
   * rests too: the priority decides who gets a core, but cores share caches and memory, and a window that has one is
   * still slowed by whoever works beside it.
   */
  async pause(): Promise<void> {
    await nextTurn();
    const [ran, waited] = coreTimes();
    const rest = restAfter(ran - this.#ran, waited - this.#waited);
    if (rest > 0) await sleep(rest);
    [this.#ran, this.#waited] = coreTimes();
  }
}

/** Milliseconds to rest after a thread has run, and waited for a core, for times in one unit. */
export function restAfter(ran: number, waited: number): number {
  const share = waited / (ran + waited);
  // Squared: a machine that is busy now and then is not to keep the work for long.
  return share > BUSY ? LONGEST_REST * share ** 2 : 0;
}

/** Nanoseconds that this thread has run, and waited for a core (proc(5), schedstat); zeros where the system does not say. */
function coreTimes(): [ran: number, waited: number] {
  try {
    const [ran = 0, waited = 0] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number);
    return [ran, waited];
  } catch {
    return [0, 0];
  }
}
