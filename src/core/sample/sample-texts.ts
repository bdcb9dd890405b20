import type { SampleEvent } from '../run/events.js';

/** What the models of a run make of one prompt, as text. */
export interface SampleText {
  readonly prompt: string;
  /** By the reference; null where it was not asked. */
  readonly reference: string | null;
  /** By the policy, in the order of the events. */
  readonly policy: readonly { readonly step: number; readonly text: string }[];
}

/**
 * Samples of a run by prompt.
 *
 * @param decode of the run's tokenizer
 */
export function sampleTexts(
  samples: readonly SampleEvent[],
  decode: (tokens: readonly number[]) => string,
): SampleText[] {
  const prompts = samples.at(-1)?.prompts ?? [];
  const of = (event: SampleEvent, index: number): string => decode(event.completions[index] ?? []);
  return prompts.map((prompt, index) => {
    const reference = samples.find(({ model }) => model === 'reference');
    return {
      prompt: decode(prompt),
      reference: reference === undefined ? null : of(reference, index),
      policy: samples.filter(({ model }) => model === 'policy').map((event) => ({ step: event.step, text: of(event, index) })),
    };
  });
}
