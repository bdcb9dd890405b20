import type { Transferable } from 'node:worker_threads';
import type { Progress, WorkOptions } from '../work/progress.js';

/**
 * What one side can ask of the other: an interface whose methods take one argument (`null` for none) and return the answer
 * without a promise, such as `{ bin(bin: number): BinView }`.
 */
export type Api = object;

export type Method<A extends Api> = keyof A & string;
export type Argument<A extends Api, M extends Method<A>> = A[M] extends (argument: infer T) => unknown ? T : never;
export type Answer<A extends Api, M extends Method<A>> = A[M] extends (...argument: never[]) => infer T ? T : never;

/** The function that carries out a method. */
export type Handler<A extends Api, M extends Method<A>> = (
  argument: Argument<A, M>,
  work: Work,
) => Given<Answer<A, M>> | Promise<Given<Answer<A, M>>>;

export type Handlers<A extends Api> = { readonly [M in Method<A>]: Handler<A, M> };

/** What a handler gets besides the argument. */
export interface Work extends WorkOptions {
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

type Given<T> = T | Moved<T>;

/** An answer, with those of its buffers that are moved to the other thread instead of copied. */
export class Moved<T> {
  constructor(
    readonly answer: T,
    readonly buffers: readonly Transferable[],
  ) {}
}
