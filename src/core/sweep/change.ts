import { type Order, giveOrder, obeyed } from './orders.js';
import { claimSweep, queueOf } from './process.js';
import { readSweep, writeSweep } from './record.js';

/**
 * Passes a trial over, or puts it first: by an order to the process that works on the sweep, else in its record.
 *
 * @throws WishboneError when the record is damaged, or a process takes the sweep up at this very moment
 */
export async function changeSweep(sweepFile: string, order: Omit<Order, 'pause'>): Promise<void> {
  if ((await queueOf(sweepFile)) !== undefined) return giveOrder(sweepFile, order);
  // Nobody else must write it meanwhile.
  const release = await claimSweep(sweepFile);
  try {
    const record = await readSweep(sweepFile);
    if (record !== undefined) await writeSweep(sweepFile, obeyed(record, order));
  } finally {
    await release();
  }
}
