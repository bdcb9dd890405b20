import { totalmem } from 'node:os';
import { WishboneError } from '../errors.js';
import { DEFAULT_RUNNER, LEAST_CAPACITY, suitedPreset, type TrainingOptions } from '../options/index.js';
import { fullBin, memoryOf } from './capacity.js';

/** Whether a model can be trained on this machine's device. Bytes. */
export interface Fit {
  /** What of it: all its parameters, a LoRA adapter alone, or nothing. */
  readonly trains: 'all' | 'adapter' | 'nothing';
  /** What {@link trains} needs; of nothing, what an adapter would. */
  readonly need: number;
  /** Of the GPU, else of this machine. */
  readonly room: number;
  readonly device: 'GPU' | 'CPU';
}

const found = new Map<string, Promise<Fit | undefined>>();

/**
 * Whether a model would fit, as the runner plans its memory: the preset that suits it, bins of the least capacity.
 *
 * @param folder of a model that can be trained
 * @returns undefined where the runner cannot say
 */
export function modelFit(folder: string, parameters: number): Promise<Fit | undefined> {
  let fit = found.get(folder);
  if (fit === undefined) found.set(folder, (fit = askForFit(folder, parameters)));
  // The runner may be set up by the next time.
  fit.then(
    (known) => known === undefined && found.delete(folder),
    () => found.delete(folder),
  );
  return fit;
}

async function askForFit(folder: string, parameters: number): Promise<Fit | undefined> {
  const { training } = suitedPreset(parameters);
  try {
    const plan = await fullBin(folder, LEAST_CAPACITY);
    const ask = async (options: TrainingOptions): Promise<{ need: number; room: number; device: Fit['device']; fits: boolean }> => {
      const { bytes, deviceBytes, fits } = await memoryOf({ model: folder, training: options, runner: DEFAULT_RUNNER }, plan);
      const room = deviceBytes ?? totalmem();
      return { need: bytes, room, device: deviceBytes === undefined ? 'CPU' : 'GPU', fits: fits !== false && bytes <= room };
    };
    const { fits, ...all } = await ask(training);
    if (fits) return { trains: 'all', ...all };
    const { fits: adapterFits, ...adapter } = await ask({ ...training, use_peft: true });
    return { trains: adapterFits ? 'adapter' : 'nothing', ...adapter };
  } catch (error) {
    if (error instanceof WishboneError) return undefined;
    throw error;
  }
}
