import path from 'node:path';

import { median, type StoredSpeedup } from '../../../core/speedup/index.js';
import { modelName } from '../../../core/hub/cache.js';
import { formatCount, formatOption, plural } from '../../../format.js';
import { type Measurement, PHASES, type SharedNaive } from '../../../protocol/speedup.js';

/** A measurement as the panel draws it. */
export function measurementOf({ id, record }: StoredSpeedup): Measurement {
  const { rounds, sharedFlops, naiveFlops, ceilingFlops, phases } = record;
  const shared = rounds.map(({ sharedSeconds }) => sharedSeconds);
  const naive = rounds.map(({ naiveSeconds }) => naiveSeconds);
  const ratios = rounds.map((round) => round.naiveSeconds / round.sharedSeconds);
  const both = (of: (seconds: readonly number[]) => number): SharedNaive => ({ shared: of(shared), naive: of(naive) });
  const seconds = both(median);
  return {
    id,
    when: `${record.measured.slice(0, 10)} ${record.measured.slice(11, 16)} UTC`,
    dataset: path.basename(record.dataset.path),
    model: modelName(record.model.path),
    device: record.device,
    sharing: record.plan.sharing,
    pairs: record.pairs,
    rounds: rounds.length,
    tokens: { shared: record.sharedTokens, naive: record.naiveTokens },
    flops: { shared: sharedFlops, naive: naiveFlops },
    seconds,
    least: both((all) => Math.min(...all)),
    most: both((all) => Math.max(...all)),
    ratio: seconds.naive / seconds.shared,
    ratioLeast: Math.min(...ratios),
    ratioMost: Math.max(...ratios),
    predictedRatio: record.predictedRatio,
    speedOfLight: {
      shared: sharedFlops / seconds.shared / ceilingFlops,
      naive: naiveFlops / seconds.naive / ceilingFlops,
    },
    phases:
      phases === undefined
        ? null
        : (Object.fromEntries(
            PHASES.map((phase) => [phase, { shared: phases.shared[phase], naive: phases.naive[phase] }]),
          ) as Measurement['phases']),
    provenance: provenanceOf(record),
  };
}

/** Where the figures come from: enough to measure them again. */
function provenanceOf(record: StoredSpeedup['record']): string {
  const { plan, pairs, steps, rounds, device, threads, measured } = record;
  return [
    `Wishbone, ${measured.slice(0, 10)}`,
    threads > 1 ? `${device}, ${threads} threads` : device,
    `${modelName(record.model.path)} (${formatCount(record.model.parameters)} parameters)`,
    `${path.basename(record.dataset.path)}: ${plural(pairs, 'pair')}, ${plural(steps, 'step')}, ${plural(rounds.length, 'interleaved round')}`,
    `sharing ${plan.sharing}, capacity ${formatOption(plan.capacity)}, ${plan.batch_size} pairs per step, at most ${plan.max_length} tokens`,
  ].join(' · ');
}
