import { access } from 'node:fs/promises';
import path from 'node:path';

import { PLAN_FILE } from '../../../core/run/index.js';
import { readSafetensorsHeader } from '../../../core/files/safetensors.js';

const PLAN_VERSION = 1;

/** What a panel needs to know about a run's plan. */
export interface PlanFacts {
  /** Tokens of the naive plan divided by those of this plan; null if unknown. */
  readonly tokenRatio: number | null;
  /** Why the runner cannot use the plan, as a sentence; null if it can. */
  readonly problem: string | null;
}

/** Reads only the header of a run's plan. */
export async function readPlanFacts(folder: string): Promise<PlanFacts> {
  const file = path.join(folder, PLAN_FILE);
  const none = (problem: string): PlanFacts => ({ tokenRatio: null, problem });
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return none('The plan is missing from the run folder.');
  try {
    const { metadata } = await readSafetensorsHeader(file);
    const { version, counts } = JSON.parse(metadata['wishbone'] ?? '') as {
      version?: unknown;
      counts?: { naive_tokens?: unknown; plan_tokens?: unknown };
    };
    if (version !== PLAN_VERSION) {
      return none(`The plan has version ${String(version)}; this version of Wishbone reads version ${PLAN_VERSION}.`);
    }
    const ratio = Number(counts?.naive_tokens) / Number(counts?.plan_tokens);
    return { tokenRatio: Number.isFinite(ratio) && ratio > 0 ? ratio : null, problem: null };
  } catch {
    return none('The plan cannot be read.');
  }
}
