import path from 'node:path';

import { PLAN_FILE } from '../../core/run/index.js';
import { readSafetensorsHeader } from '../../core/safetensors.js';

/** Tokens of the naive plan over those of a run's plan, from the plan's header; null when that cannot be read. */
export async function readTokenRatio(folder: string): Promise<number | null> {
  try {
    const { metadata } = await readSafetensorsHeader(path.join(folder, PLAN_FILE));
    const { counts } = JSON.parse(metadata['wishbone'] ?? '') as {
      counts?: { naive_tokens?: unknown; plan_tokens?: unknown };
    };
    const ratio = Number(counts?.naive_tokens) / Number(counts?.plan_tokens);
    return Number.isFinite(ratio) && ratio > 0 ? ratio : null;
  } catch {
    // The panel can do without; the runner will say what is wrong with the plan.
    return null;
  }
}
