import { WishboneError } from '../errors.js';
import { checkAdapter, inspectModel } from '../model/index.js';

/** What a run reads beside its datasets. */
export interface RunInputs {
  readonly model: string;
  readonly training: { readonly reference_model: string; readonly adapter_name_or_path: string };
}

/**
 * Looks at everything a run will read, before minutes of tokenising: models whole and of a kind that can be trained. Datasets are
 * looked for before anything is read, too (`findDataset`).
 *
 * @throws WishboneError for the first thing that is wrong
 */
export async function checkInputs({ model, training }: RunInputs): Promise<void> {
  const { config } = await inspectModel(model);
  if (training.adapter_name_or_path !== '') await checkAdapter(training.adapter_name_or_path, config);
  if (training.reference_model !== '') {
    const reference = await inspectModel(training.reference_model, { tokenizer: false });
    // Larger ones may differ by padding of the embedding alone.
    const [ours, theirs] = [config.vocabSize, reference.config.vocabSize];
    if (Math.abs(ours - theirs) > 0.05 * Math.max(ours, theirs)) {
      throw new WishboneError(
        `the reference model has ${theirs} tokens, the trained one ${ours}: they do not use the same tokens`,
        reference.config.file,
        'use a reference model with the same tokenizer',
      );
    }
  }
}
