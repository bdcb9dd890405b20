/** Characters of text in a batch, about: for other threads, and for this one, which has to look up now and then. */
export const THREAD_BATCH = 1 << 18;
export const OWN_BATCH = 1 << 14;
/** A file of fewer bytes is done before a thread has loaded a tokenizer. */
export const SMALL_FILE = 2_000_000;

/** Characters that a row counts for beside those of its text: what is found of it has to be passed on too. */
const ROW_COST = 100;

/** Rows in their order, so many at a time that their texts have about `most` characters. */
export async function* rowBatches<Row>(
  rows: Iterable<Row> | AsyncIterable<Row>,
  most: number,
  textOf: (row: Row) => string,
): AsyncGenerator<readonly Row[]> {
  let batch: Row[] = [];
  let length = 0;
  for await (const row of rows) {
    batch.push(row);
    length += textOf(row).length + ROW_COST;
    if (length < most) continue;
    yield batch;
    [batch, length] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** Answers of work that goes on elsewhere, taken in the order in which it was begun; no more of it is under way than wanted. */
export class InOrder<T> {
  readonly #underWay: Promise<T>[] = [];
  readonly #most: number;
  readonly #take: (answer: T) => void;

  /** @param most answers that may be outstanding */
  constructor(most: number, take: (answer: T) => void) {
    this.#most = most;
    this.#take = take;
  }

  /** @throws what work that was begun before has failed with */
  async begin(work: Promise<T>): Promise<void> {
    // Looked at in its turn; until then a failure must not count as one that nobody handles.
    work.catch(() => undefined);
    this.#underWay.push(work);
    await this.#finish(this.#most);
  }

  /** What is outstanding is not wanted any more, whatever comes of it. */
  drop(): void {
    this.#underWay.length = 0;
  }

  /** Takes all that is outstanding. @throws what the first that failed has failed with */
  end(): Promise<void> {
    return this.#finish(0);
  }

  async #finish(most: number): Promise<void> {
    while (this.#underWay.length > most) this.#take(await (this.#underWay.shift() as Promise<T>));
  }
}
