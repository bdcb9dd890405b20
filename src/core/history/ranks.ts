import type { StepEvent } from '../events/events.js';

/** Recent steps that are averaged over. */
const RECENT_STEPS = 20;

/** How several devices share steps: means over the most recent ones. */
export interface RankTimes {
  /** Seconds of a step in which the first device only exchanged tensors or waited for others. */
  readonly communication: number;
  /** That as a share of the step, 0 to 1. */
  readonly share: number;
  /** The longest time that a device computed over the mean of all; 1: all took the same. */
  readonly slowest: number;
  /** Seconds that each device computed the gradient of its bins, by rank; empty where the runner does not say. */
  readonly seconds: readonly number[];
}

/** Adds up what steps say of the devices that took part in them. */
export class RecentRanks {
  #steps: StepEvent[] = [];

  clear(): void {
    this.#steps = [];
  }

  add(step: StepEvent): void {
    if (step.communication === undefined || !(step.seconds > 0)) return;
    this.#steps.push(step);
    if (this.#steps.length > RECENT_STEPS) this.#steps.shift();
  }

  /** Undefined for a single device, and for one before its first step. */
  get times(): RankTimes | undefined {
    const steps = this.#steps;
    if (steps.length === 0) return undefined;
    const mean = (value: (step: StepEvent) => number): number => steps.reduce((sum, step) => sum + value(step), 0) / steps.length;
    const communication = mean((step) => step.communication ?? 0);
    const ranks = steps.at(-1)!.rank_seconds?.length ?? 0;
    const isWhole = steps.every((step) => step.rank_seconds?.length === ranks);
    return {
      communication,
      share: communication / mean(({ seconds }) => seconds),
      slowest: mean((step) => step.slowest_rank ?? 1),
      seconds: isWhole ? Array.from({ length: ranks }, (_, rank) => mean((step) => step.rank_seconds?.[rank] ?? 0)) : [],
    };
  }
}
