import path from 'node:path';
import { WishboneError } from '../errors.js';
import { readPlanFacts } from '../plan/index.js';
import { PLAN_FILE, type Run, RUN_FILE } from './folder.js';

/** What the plan's own metadata have too. */
const IN_BOTH = ['sharing', 'capacity', 'batch_size', 'seed', 'max_length'] as const;

/**
 * Sees that `run.json` says of the plan what it was made with. The steps are in the plan: whoever changes `run.json` for more epochs, say,
 * would get none, and a record that is wrong. A plan that is missing or damaged
 * is left to the runner, which says so.
 *
 * @throws WishboneError naming the field
 */
export async function checkPlanUnchanged({ folder, config }: Run): Promise<void> {
  let facts: Awaited<ReturnType<typeof readPlanFacts>>;
  try {
    facts = await readPlanFacts(path.join(folder, PLAN_FILE));
  } catch (error) {
    if (error instanceof WishboneError) return;
    throw error;
  }
  const { metadata, steps } = facts;
  const { plan } = config;
  const refuse = (field: string, now: unknown, was: unknown): WishboneError =>
    new WishboneError(
      `run.json says ${String(now)}, but the plan of this run was made with ${String(was)}`,
      `${path.join(folder, RUN_FILE)}, field plan.${field}`,
      `set it back to ${String(was)}; for another value start a new run, which plans anew`,
    );
  for (const field of IN_BOTH) if (plan[field] !== metadata[field]) throw refuse(field, plan[field], metadata[field]);
  const { max_steps: mostSteps = 0 } = plan;
  if (mostSteps > 0 && mostSteps !== steps) throw refuse('max_steps', mostSteps, steps);
  // With max_steps the plan's are those that its steps come to.
  if (mostSteps === 0 && plan.epochs !== metadata.epochs) throw refuse('epochs', plan.epochs, metadata.epochs);
}
