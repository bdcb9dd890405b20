import { WishboneError } from '../../../core/errors.js';
import { runTask } from '../../../core/tasks/index.js';
import type { RunHostMessage } from '../../../protocol/run.js';
import type { LiveRun } from '../../runs/live-run.js';
import { mayRead } from '../../trust.js';

type Message = Extract<RunHostMessage, { type: 'verdicts' }>;
type Compared = Pick<LiveRun, 'folder' | 'history'>;

/** Whether the runs of a comparison are really better than one another: asked for again when one of them has evaluated. */
export class RunVerdicts {
  readonly #send: (message: Message) => void;
  /** The runs and how often each has evaluated, as text: what was asked for last, and what the answer is of. */
  #asked = '';
  #known: { readonly of: string; readonly message: Message } | undefined;
  #isAsking = false;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** Sends what is known of these runs to a page that knows nothing, or asks for it. */
  async show(runs: readonly Compared[]): Promise<void> {
    if (this.#known?.of === stateOf(runs)) this.#send(this.#known.message);
    else await this.update(runs);
  }

  /** Asks when something has changed. While an answer is on its way, only what changed last is asked for after it. */
  async update(runs: readonly Compared[]): Promise<void> {
    const state = stateOf(runs);
    // Plans and records are binary files of the workspace.
    if (runs.length < 2 || !runs.every(({ folder }) => mayRead(folder)) || state === this.#asked) return;
    this.#asked = state;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      for (let of = ''; of !== this.#asked; ) {
        of = this.#asked;
        const [folders] = JSON.parse(of) as [string[]];
        const message = await askedFor(folders);
        if (of !== this.#asked) continue;
        this.#known = { of, message };
        this.#send(message);
      }
    } finally {
      this.#isAsking = false;
    }
  }
}

function stateOf(runs: readonly Compared[]): string {
  return JSON.stringify([runs.map(({ folder }) => folder), runs.map(({ history }) => history.evals.length)]);
}

async function askedFor(folders: readonly string[]): Promise<Message> {
  try {
    return { type: 'verdicts', verdicts: await runTask('compare', folders) };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { type: 'verdicts', verdicts: { tables: [], notes: [`Not compared pair by pair: ${error.what} (${error.where})`] } };
  }
}
