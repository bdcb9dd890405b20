import type { Tried, TryCopy } from '../../../protocol/try.js';

/** The text to copy for a prompt and its completions. */
export function copyText({ prompt, policy, reference }: Tried, what: TryCopy): string {
  switch (what) {
    case 'prompt':
      return prompt;
    case 'policy':
      return policy?.text ?? '';
    case 'reference':
      return reference?.text ?? '';
    case 'all':
      return [
        `Prompt:\n${prompt}`,
        ...(policy === null ? [] : [`Policy:\n${policy.text}`]),
        ...(reference === null ? [] : [`Reference:\n${reference.text}`]),
      ].join('\n\n');
  }
}
