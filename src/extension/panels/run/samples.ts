import { WishboneError } from '../../../core/errors.js';
import { sampleTexts } from '../../../core/sample/index.js';
import type { ModelTokenizer } from '../../../core/tokenizer/index.js';
import type { RunHostMessage } from '../../../protocol/run.js';
import type { LiveRun } from '../../runs/live-run.js';

/** Tokenizers by model folder. Reading one takes a second, and samples come every few minutes. */
const tokenizers = new Map<string, Promise<ModelTokenizer>>();

/** The message about a run's samples: their texts, or why there are none. */
export async function readSamples(
  { config, history }: Pick<LiveRun, 'config' | 'history'>,
): Promise<Extract<RunHostMessage, { type: 'samples' }>> {
  const { samples } = history;
  const { path: folder } = config.model;
  try {
    const loading = tokenizers.get(folder) ?? loadTokenizer(folder);
    tokenizers.set(folder, loading);
    const tokenizer = await loading;
    return { type: 'samples', samples: sampleTexts(samples, (tokens) => tokenizer.decode(tokens)), problem: '' };
  } catch (error) {
    tokenizers.delete(folder);
    if (!(error instanceof WishboneError)) throw error;
    return { type: 'samples', samples: [], problem: `${error.what} (${error.where})` };
  }
}

async function loadTokenizer(folder: string): Promise<ModelTokenizer> {
  // Loaded late, because most windows never need it.
  const { ModelTokenizer } = await import('../../../core/tokenizer/index.js');
  return ModelTokenizer.load(folder);
}
