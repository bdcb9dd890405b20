import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPlan } from '../../src/core/plan/index.js';
import { EVAL_PLAN_FILE } from '../../src/core/run/folder.js';

/**
 * A run folder as the planner leaves it, of a fixture's plan.
 *
 * @param training as in `run.json`; the reference is computed before the first step unless it says otherwise
 * @param evalPlan what is evaluated on, when it is
 */
export async function layOutRun(run: string, plan: string, model: string, training: object, evalPlan?: string): Promise<void> {
  const { metadata } = await readPlan(plan);
  const { sharing, capacity, batch_size, epochs, seed, max_length } = metadata;
  await mkdir(run, { recursive: true });
  await copyFile(plan, join(run, 'plan.safetensors'));
  if (evalPlan !== undefined) await copyFile(evalPlan, join(run, EVAL_PLAN_FILE));
  const dataset = { path: plan, sha256: '0'.repeat(64), format: 'trl-explicit', pairs: 32 };
  const config = {
    format: 'wishbone-run',
    version: 1,
    id: 'fixture',
    name: 'fixture',
    created: '2026-01-01T00:00:00.000Z',
    dataset,
    ...(evalPlan === undefined ? {} : { eval_dataset: { ...dataset, path: evalPlan } }),
    model: { path: model },
    plan: { sharing, capacity, batch_size, epochs, seed, max_length },
    training: { reference: 'precompute', save_steps: 0, save_total_limit: 2, ...training },
    runner: { backend: 'cpu', threads: 0 },
  };
  await writeFile(join(run, 'run.json'), JSON.stringify(config));
}
