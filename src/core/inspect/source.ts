import path from 'node:path';

import { DEFAULT_PLAN, optionProblem, type PlanOptions } from '../options/index.js';

/** Where a plan comes from: a run's folder holds one, for a dataset one is made. All paths are absolute. */
export type PlanSource =
  | { readonly kind: 'run'; readonly folder: string }
  | {
      readonly kind: 'dataset';
      readonly dataset: string;
      readonly model: string;
      readonly plan: PlanOptions;
      readonly autoCapacity?: number;
    };

/** A source that was kept as JSON, or undefined when it is not one. */
export function readPlanSource(value: unknown): PlanSource | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, folder, dataset, model, plan, autoCapacity } = value as Readonly<Record<string, unknown>>;
  if (kind === 'run') return isAbsolute(folder) ? { kind, folder } : undefined;
  const options = readPlanOptions(plan);
  return kind === 'dataset' && isAbsolute(dataset) && isAbsolute(model) && options !== undefined
    ? { kind, dataset, model, plan: options, ...(isCapacity(autoCapacity) ? { autoCapacity } : {}) }
    : undefined;
}

/** A number of its own, by the rule of the option whose place it takes. */
function isCapacity(value: unknown): value is number {
  return typeof value === 'number' && optionProblem('plan.capacity', value) === undefined;
}

/** Options that were kept as JSON, or undefined when one is missing or not valid any more. */
export function readPlanOptions(value: unknown): PlanOptions | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const given = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(DEFAULT_PLAN) as (keyof PlanOptions)[];
  if (names.some((name) => optionProblem(`plan.${name}`, given[name]) !== undefined)) return undefined;
  return Object.fromEntries(names.map((name) => [name, given[name]])) as unknown as PlanOptions;
}

/** Equal for equal sources. */
export function sourceKey(source: PlanSource): string {
  return source.kind === 'run'
    ? `run ${source.folder}`
    : `dataset ${JSON.stringify([source.dataset, source.model, Object.entries(source.plan).sort(), source.autoCapacity])}`;
}

function isAbsolute(value: unknown): value is string {
  return typeof value === 'string' && path.isAbsolute(value);
}

/** The files that it is made of, for whoever has to name them. */
export function filesOf(source: PlanSource): readonly string[] {
  return source.kind === 'run' ? [source.folder] : [source.dataset, source.model];
}
