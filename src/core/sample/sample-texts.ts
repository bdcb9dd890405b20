import type { SampleEvent } from '../events/events.js';
import { ModelTokenizer } from '../tokenizer/index.js';

/** What the models of a run make of one prompt, as text. */
export interface SampleText {
  readonly prompt: string;
  /** By what the policy is held to, or started from; null before it was asked. */
  readonly reference: string | null;
  /** By the policy, rising steps. */
  readonly policy: readonly { readonly step: number; readonly text: string }[];
}

/**
 * Samples of a run by prompt.
 *
 * @param decode of the run's tokenizer
 */
export function sampleTexts(samples: readonly SampleEvent[], decode: (tokens: readonly number[]) => string): SampleText[] {
  const prompts = samples.at(-1)?.prompts ?? [];
  const of = (event: SampleEvent, index: number): string => decode(event.completions[index] ?? []);
  const reference = samples.find(({ model }) => model === 'reference');
  const policy = samples.filter(({ model }) => model === 'policy');
  return prompts.map((prompt, index) => ({
    prompt: decode(prompt),
    reference: reference === undefined ? null : of(reference, index),
    policy: policy.map((event) => ({ step: event.step, text: of(event, index) })),
  }));
}

/** The same with the tokenizer of a model folder. @throws WishboneError when there is none that can be used */
export async function decodeSamples({
  model,
  samples,
}: {
  readonly model: string;
  readonly samples: readonly SampleEvent[];
}): Promise<SampleText[]> {
  const tokenizer = await ModelTokenizer.load(model);
  return sampleTexts(samples, (tokens) => tokenizer.decode(tokens));
}
