import { isUnderWay, type TryPageMessage, type TrySide, TRY_SIDES, type TryTurn } from '../../src/protocol/try.js';
import { createButton } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { AnswerBox } from './answer.js';
import { ExampleBox } from './example.js';

export interface TurnActions {
  readonly post: (message: TryPageMessage) => void;
  /** Puts the prompt into the box for typing. */
  readonly onUse: (turn: TryTurn) => void;
  readonly onAgain: () => void;
}

/** What somebody said, and what the models answered. */
export class TurnBox {
  readonly root: HTMLElement;
  readonly answers: Readonly<Record<TrySide, AnswerBox>>;
  readonly #system = element('p', { class: 'turn-system' });
  readonly #prompt: HTMLPreElement;
  readonly #settings = element('span', { class: 'turn-settings' });
  readonly #example = new ExampleBox();
  readonly #again: HTMLElement;
  readonly #forget: HTMLElement;
  #turn: TryTurn | undefined;

  constructor(id: number, { post, onUse, onAgain }: TurnActions) {
    this.#prompt = element('pre', { tabindex: '0', role: 'region', 'aria-label': 'Prompt' });
    const boxOf = (side: TrySide): AnswerBox =>
      new AnswerBox(side, {
        onCopy: () => post({ type: 'copy', turn: id, what: side }),
        onTokens: () => post({ type: 'tokens', turn: id, side }),
      });
    this.answers = { left: boxOf('left'), right: boxOf('right') };
    this.#again = createButton({
      label: 'Answer Again',
      title: 'The same prompt to the models and with the settings chosen now; replaces these answers',
      onClick: onAgain,
    });
    this.#forget = createButton({
      label: 'Remove',
      title: 'Take the prompt and its answers out of the conversation',
      onClick: () => post({ type: 'forget', turn: id }),
    });
    this.root = element(
      'article',
      { class: 'turn', 'aria-label': 'Prompt and answers', 'data-id': String(id) },
      element(
        'div',
        { class: 'turn-head' },
        element('h2', {}, 'You'),
        this.#settings,
        element(
          'div',
          { class: 'actions' },
          this.#again,
          createButton({
            label: 'Use Again',
            title: 'Put the prompt into the box below',
            onClick: () => this.#turn !== undefined && onUse(this.#turn),
          }),
          createButton({ label: 'Copy All', onClick: () => post({ type: 'copy', turn: id, what: 'all' }) }),
          this.#forget,
        ),
      ),
      this.#system,
      this.#prompt,
      element('div', { class: 'answers' }, ...TRY_SIDES.map((side) => this.answers[side].root)),
      this.#example.root,
    );
  }

  /** @param working whether anything is being answered */
  show(turn: TryTurn, { isLast, working }: { readonly isLast: boolean; readonly working: boolean }): void {
    this.#turn = turn;
    const { prompt, system, settings, example } = turn;
    const given = turn.left?.state === 'given';
    setText(this.#prompt, prompt);
    setText(this.#system, system.trim() === '' || settings.plain ? '' : `System prompt: ${system}`);
    const drawn =
      settings.temperature === 0 ? 'temperature 0' : `temperature ${settings.temperature}, top p ${settings.topP}, seed ${settings.seed}`;
    setText(this.#settings, given ? 'said before, in the dataset' : `${drawn}${settings.plain ? ', text continued' : ''}`);
    for (const side of TRY_SIDES) this.answers[side].show(turn[side]);
    this.#example.show(example);
    this.#again.hidden = !isLast || working || given;
    this.#forget.hidden = working;
    this.root.dataset['state'] = TRY_SIDES.some((side) => turn[side] !== null && isUnderWay(turn[side])) ? 'working' : 'over';
  }
}
