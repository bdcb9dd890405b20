import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PAIR_RECORD_FILE } from '../../../src/core/pairs/index.js';
import { type Plan, writePlan } from '../../../src/core/plan/index.js';
import type { RunConfig } from '../../../src/core/run/index.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';
import { planOf, type Values, writeRecord } from '../pairs/support.js';
import { exampleConfig } from '../run/support.js';

export const BATCH = 10;

/** A pair whose responses have some tokens in common at their beginning, and then each its own. */
export function responsePair(
  row: number,
  { common = 0, chosen = 8, rejected = 8, source = undefined as string | undefined } = {},
): TokenPair {
  const prompt = [row % 6, Math.floor(row / 6) % 6, Math.floor(row / 36) % 6, 5];
  const response = (own: number, length: number): number[] => [
    ...Array.from({ length: common }, () => 3),
    ...Array.from({ length: length - common }, () => own),
  ];
  return {
    row,
    line: row + 1,
    source,
    promptLength: prompt.length,
    chosen: Int32Array.from([...prompt, ...response(1, chosen)]),
    rejected: Int32Array.from([...prompt, ...response(2, rejected)]),
  };
}

/** What the runner records of a pair whose responses changed so, in nats, from the reference. */
export function changed(chosen: number, rejected: number, beta = 0.1): Values {
  const margin = beta * (chosen - rejected);
  return [Math.log1p(Math.exp(-margin)), beta * chosen, margin, -20 + chosen, -20 + rejected];
}

/** A run folder with a plan of pairs and a record of each step; `valuesOf` says what became of a row at a step. */
export async function madeRun(
  folder: string,
  pairs: readonly TokenPair[],
  valuesOf: (row: number, step: number) => Values,
  { epochs = 1, training = {} as Partial<RunConfig['training']> } = {},
): Promise<Plan> {
  const plan = await planOf(pairs, { epochs, batch_size: BATCH });
  await mkdir(folder, { recursive: true });
  const config = exampleConfig();
  await writeFile(path.join(folder, 'run.json'), JSON.stringify({ ...config, training: { ...config.training, ...training } }));
  await writePlan(path.join(folder, 'plan.safetensors'), plan);
  const blocks = Array.from({ length: plan.stepPairStart.length - 1 }, (_, at) => {
    const [first, end] = [plan.stepPairStart[at]!, plan.stepPairStart[at + 1]!];
    return { kind: 1, step: at + 1, first, values: [...plan.pairRow.subarray(first, end)].map((row) => valuesOf(row, at + 1)) };
  });
  await writeRecord(path.join(folder, PAIR_RECORD_FILE), blocks);
  return plan;
}
