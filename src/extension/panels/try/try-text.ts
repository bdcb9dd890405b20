import type { ListedModel } from '../../../core/sample/chat/index.js';
import type { TryCopy, TryTurn } from '../../../protocol/try.js';

/** The text to copy of a prompt and its answers. */
export function copyText({ prompt, system, left, right }: TryTurn, what: TryCopy): string {
  switch (what) {
    case 'prompt':
      return prompt;
    case 'left':
      return left?.text ?? '';
    case 'right':
      return right?.text ?? '';
    case 'all':
      return [
        ...(system === '' ? [] : [`System:\n${system}`]),
        `Prompt:\n${prompt}`,
        ...[left, right].flatMap((answer) => (answer === null ? [] : [`${answer.model}:\n${answer.text}`])),
      ].join('\n\n');
  }
}

/** What a model is called. */
export function choiceLabel({ choice, name }: ListedModel): string {
  switch (choice.kind) {
    case 'trained':
      return 'Trained model';
    case 'checkpoint':
      return `Checkpoint ${choice.step}`;
    case 'reference':
      return `Reference: ${name}`;
    case 'start':
      return `Before training: ${name}`;
    case 'folder':
      return name;
  }
}
