import { writeFile } from 'node:fs/promises';
import { crc32c } from '../../../src/core/files/crc32c.js';
import { DEFAULT_PLAN } from '../../../src/core/options/index.js';
import { buildPlan, type Plan } from '../../../src/core/plan/index.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';
import { shape } from '../plan/support.js';

/** Values of a pair: loss, reward of the chosen response, margin, and two log-probabilities. */
export type Values = readonly [number, number, number, number, number];

export const valuesOf = (margin: number, rewardChosen = margin): Values => [Math.log1p(Math.exp(-margin)), rewardChosen, margin, -5, -6];

/** A record as the runner writes it. */
export function recordBytes(blocks: readonly { kind: number; step: number; first: number; values: readonly Values[] }[]): Buffer {
  const header = Buffer.concat([Buffer.from('WBPAIRS\x01', 'latin1'), Buffer.alloc(32, 0xab), Buffer.alloc(32, 0xcd)]);
  return Buffer.concat([
    checked(header),
    ...blocks.map(({ kind, step, first, values }) => {
      const head = Uint32Array.of(kind, step, first, values.length);
      return checked(Buffer.concat([Buffer.from(head.buffer), Buffer.from(Float32Array.from(values.flat()).buffer)]));
    }),
  ]);
}

function checked(bytes: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(bytes));
  return Buffer.concat([bytes, checksum]);
}

export async function writeRecord(file: string, blocks: Parameters<typeof recordBytes>[0]): Promise<void> {
  await writeFile(file, recordBytes(blocks));
}

/** Pairs whose responses have so many tokens, each pair another. */
export function tokenPairs(lengths: readonly (readonly [chosen: number, rejected: number])[]): TokenPair[] {
  return lengths.map(([chosen, rejected], row) => {
    const prompt = [row % 6, Math.floor(row / 6) % 6, Math.floor(row / 36) % 6, Math.floor(row / 216) % 6];
    return {
      row,
      line: row + 1,
      promptLength: prompt.length,
      chosen: Int32Array.from([...prompt, ...Array.from({ length: chosen }, () => 1)]),
      rejected: Int32Array.from([...prompt, ...Array.from({ length: rejected }, () => 2)]),
    };
  });
}

export async function planOf(
  pairs: readonly TokenPair[],
  options: Partial<typeof DEFAULT_PLAN> = {},
  sha256 = { dataset: 'data', tokenizer: 'tokenizer' },
): Promise<Plan> {
  return buildPlan(
    { pairs, skipped: 0, truncated: 0, shape, sha256, datasetFile: 'pairs.jsonl' },
    { ...DEFAULT_PLAN, capacity: 256, ...options },
  );
}
