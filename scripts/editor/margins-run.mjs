// A finished run of a dataset with as many pairs as it has rows, each seen twice: what a table needs to show margins, and no more.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/core/files/safetensors.ts';
import { crc32c } from '../../src/core/files/crc32c.ts';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, LEAST_CAPACITY } from '../../src/core/options/index.ts';
import { createRunFolder, newRunConfig } from '../../src/core/run/index.ts';
import { eventLine, startLine } from '../../test/unit/run/support.ts';

const STEP = 512;

export async function marginsRun(workspace, name, dataset, pairs) {
  const config = newRunConfig({
    name,
    dataset: { path: dataset, sha256: 'a'.repeat(64), format: 'trl-explicit', pairs },
    model: { path: join(workspace, 'tiny-llama') },
    plan: { ...DEFAULT_PLAN, capacity: LEAST_CAPACITY, batch_size: STEP, epochs: 2 },
    training: DEFAULT_TRAINING,
    runner: DEFAULT_RUNNER,
  });
  const all = 2 * pairs;
  // The order of an epoch: all rows, far apart from one to the next.
  const row = Int32Array.from({ length: all }, (_, at) => ((at % pairs) * 7919 + (at < pairs ? 0 : 13)) % pairs);
  const whole = (length, value) => ({ dtype: 'I32', shape: [length], data: Int32Array.from({ length }, (_, at) => value(at)) });
  const steps = Math.ceil(all / STEP);
  const metadata = {
    ...{ format: 'wishbone-plan', version: 1, sharing: 'pair', capacity: 2048, batch_size: STEP, epochs: 2, seed: 42, max_length: 1024 },
    ...{ vocab_size: 1024, sha256: { dataset: 'a'.repeat(64), tokenizer: 'b'.repeat(64) } },
    counts: { pairs, skipped: 0, truncated: 0, naive_tokens: all, plan_tokens: all },
  };
  const plan = {
    metadata: { wishbone: JSON.stringify(metadata) },
    tensors: new Map([
      ['step_pair_start', whole(steps + 1, (at) => Math.min(all, at * STEP))],
      ['pair_chosen', whole(all, (at) => 2 * at)],
      ['pair_rejected', whole(all, (at) => 2 * at + 1)],
      ['pair_row', { dtype: 'I32', shape: [all], data: row }],
      ['sequence_reference', whole(2 * all, (at) => 2 * row[at >> 1] + (at & 1))],
      ['target_sequence', whole(2 * all, (at) => at)],
    ]),
  };
  const folder = await createRunFolder(join(workspace, '.wishbone/runs'), config, (file) => writeSafetensors(file, plan));
  const head = Buffer.concat([Buffer.from('WBPAIRS\x01', 'latin1'), Buffer.alloc(32, 0xab), Buffer.alloc(32)]);
  const blocks = [checked(head)];
  for (let step = 0; step < steps; step++) {
    const [first, end] = [step * STEP, Math.min(all, (step + 1) * STEP)];
    const values = new Float32Array(5 * (end - first));
    for (let pair = first; pair < end; pair++) {
      const margin = Math.sin(row[pair] * 78.233) + (2 * step) / steps;
      values.set([Math.log1p(Math.exp(-margin)), margin / 2, margin, -40, -45], 5 * (pair - first));
    }
    const block = Uint32Array.of(1, step + 1, first, end - first);
    blocks.push(checked(Buffer.concat([Buffer.from(block.buffer), Buffer.from(values.buffer)])));
  }
  await writeFile(join(folder, 'pairs.bin'), Buffer.concat(blocks));
  await writeFile(join(folder, 'events.jsonl'), startLine({ steps, pairs }) + eventLine('finished', { steps, seconds: 9 }));
  return folder;
}

function checked(bytes) {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(bytes));
  return Buffer.concat([bytes, checksum]);
}
