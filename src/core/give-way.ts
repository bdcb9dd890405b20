import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import path from 'node:path';

/** How much further back a thread stands; 19 is the furthest. */
const STEP = 5;

/**
 * Lets other threads and processes go before this thread from now on; there is no way back. Linux gives every thread a
 * priority of its own; elsewhere nothing happens.
 */
export function giveWay(): void {
  try {
    const thread = Number(path.basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, Math.min(19, getPriority(thread) + STEP));
  } catch {
    // It is a courtesy, not a need.
  }
}
