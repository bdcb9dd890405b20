import type { PlanSide } from '../../src/protocol/plan.js';

/** Tokens that are asked for at once. */
const CHUNK = 256;

/** Texts of the tokens in view: asked for when they are first needed, kept for the bin. */
export class TokenTexts {
  readonly #chunks = { shared: new Map<number, string[] | undefined>(), naive: new Map<number, string[] | undefined>() };

  constructor(
    readonly rows: Readonly<Record<PlanSide, number>>,
    /** Asks for the texts of rows `[from, to)`. */
    readonly ask: (side: PlanSide, from: number, to: number) => void,
  ) {}

  /** Undefined while it is not known; then it has been asked for. */
  get(side: PlanSide, row: number): string | undefined {
    const chunk = Math.floor(row / CHUNK);
    const known = this.#chunks[side];
    if (!known.has(chunk)) {
      known.set(chunk, undefined);
      this.ask(side, chunk * CHUNK, Math.min(this.rows[side], (chunk + 1) * CHUNK));
    }
    return known.get(chunk)?.[row % CHUNK];
  }

  add(side: PlanSide, from: number, texts: readonly string[]): void {
    if (from % CHUNK === 0) this.#chunks[side].set(from / CHUNK, [...texts]);
  }
}
