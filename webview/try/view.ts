import {
  isUnderWay,
  NO_MODEL,
  OTHER_FOLDER,
  OTHER_RUN,
  readTryPageState,
  TRY_SIDES,
  type TryHostMessage,
  type TryPageMessage,
  type TryPageState,
  type TrySide,
  type TryState,
} from '../../src/protocol/try.js';
import { createButton, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import type { Host, PageView } from '../ui/host.js';
import { Composer } from './composer.js';
import { List } from './list.js';
import { TurnBox } from './turn.js';

/** Pixels from the end of the conversation at which somebody reads along. */
const NEAR_END = 60;

/** A conversation with two models side by side. */
export class TryView implements PageView<TryHostMessage> {
  readonly #title = element('h1', {}, 'Try It');
  readonly #models: Readonly<Record<TrySide, List>>;
  readonly #chats: List;
  readonly #newChat = createButton({
    label: 'New Chat',
    title: 'Begin anew; this chat stays in the list',
    onClick: () => this.host.post({ type: 'new-chat' }),
  });
  readonly #delete = createButton({
    label: 'Delete Chat',
    title: 'Remove this chat from the list',
    onClick: () => this.host.post({ type: 'delete-chat' }),
  });
  readonly #log = element('section', { class: 'log', tabindex: '0', role: 'region', 'aria-label': 'Conversation' });
  readonly #empty = element(
    'p',
    { class: 'log-empty' },
    'Both models answer what you say, each in a conversation of its own. Texts are theirs, not ours: nothing of them is checked.',
  );
  /** Said to screen readers once, instead of every token. */
  readonly #status = element('p', { class: 'log-status', role: 'status' });
  readonly #composer: Composer;
  readonly #turns = new Map<number, TurnBox>();
  #folder: string;
  #chat: number | undefined;
  #state: TryState | undefined;

  constructor(
    root: HTMLElement,
    readonly host: Host<TryPageMessage, TryPageState>,
  ) {
    const kept = readTryPageState(host.kept);
    this.#folder = kept?.folder ?? '';
    this.#composer = new Composer(
      kept,
      (message) => host.post(message),
      () => this.#keep(),
    );
    const models = (side: TrySide, label: string): List => new List(label, (key) => host.post({ type: 'model', side, key }));
    this.#models = { left: models('left', 'Model on the left'), right: models('right', 'Model on the right') };
    this.#chats = new List('Chat', (key) => host.post({ type: 'open-chat', id: Number(key) }));
    root.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#composer.say();
      else if (event.key === 'Escape') this.#composer.stop();
    });
    root.replaceChildren(
      element(
        'header',
        {},
        element('div', { class: 'title' }, this.#title),
        element('div', { class: 'actions chats' }, this.#chats.root, this.#newChat, this.#delete),
      ),
      element('div', { class: 'answers models' }, this.#models.left.root, this.#models.right.root),
      this.#log,
      this.#status,
      this.#composer.root,
    );
  }

  receive(message: TryHostMessage): void {
    switch (message.type) {
      case 'state':
        this.#folder = message.folder;
        this.#show(message.state);
        return this.#keep();
      case 'answer': {
        const { chat, turn, side, answer } = message;
        if (this.#state === undefined || chat !== this.#chat) return;
        const turns = this.#state.chat.turns.map((each) => (each.id === turn ? { ...each, [side]: answer } : each));
        this.#state = { ...this.#state, chat: { id: chat, turns } };
        this.#following(() => this.#turns.get(turn)?.answers[side].show(answer));
        return;
      }
      case 'tokens':
        if (message.chat === this.#chat) this.#turns.get(message.turn)?.answers[message.side].showTokens(message.tokens, message.problem);
        return;
      case 'prompt':
        return this.#composer.put(message);
    }
  }

  #show(state: TryState): void {
    const before = this.#state;
    this.#state = state;
    const { run, models, chats, chat } = state;
    const working = this.#working;
    setText(this.#title, `Try ${run}`);
    const others = [
      { key: OTHER_RUN, label: 'Model of another run…' },
      { key: OTHER_FOLDER, label: 'Model folder…' },
    ];
    this.#models.left.show([...models, ...others], state.left, working);
    this.#models.right.show([...models, ...others, { key: NO_MODEL, label: 'No second model' }], state.right, working);
    this.#chats.show(chats, String(chat.id), working);
    setDisabled(this.#newChat, working || chat.turns.length === 0);
    setDisabled(this.#delete, working || chat.turns.length === 0);
    const isOther = chat.id !== this.#chat;
    if (isOther) {
      this.#turns.clear();
      // That of a chat that somebody opens; a new one begins with what is there, and what was being typed over a reload stays.
      const last = chat.turns.at(-1);
      if (this.#chat !== undefined && last !== undefined) this.#composer.system = last.system;
      this.#chat = chat.id;
    }
    const grew = isOther || chat.turns.length > (before?.chat.turns.length ?? 0);
    this.#following(() => this.#drawTurns(working), grew);
    this.#composer.show(state, working);
    setText(this.#status, this.#statusText(before, working));
  }

  #drawTurns(working: boolean): void {
    const { turns } = this.#state!.chat;
    const actions = {
      post: (message: TryPageMessage) => this.host.post(message),
      onUse: (turn: (typeof turns)[number]) => this.#composer.use(turn, turn.settings.plain),
      onAgain: () => this.#composer.again(),
    };
    const shown = turns.map((turn, index) => {
      const box = this.#turns.get(turn.id) ?? new TurnBox(turn.id, actions);
      this.#turns.set(turn.id, box);
      box.show(turn, { isLast: index === turns.length - 1, working });
      return box.root;
    });
    for (const id of [...this.#turns.keys()]) if (!turns.some((turn) => turn.id === id)) this.#turns.delete(id);
    const children = shown.length === 0 ? [this.#empty] : shown;
    // Put anew only where the order is other: what has the focus keeps it.
    if (children.length !== this.#log.childElementCount || children.some((child, i) => this.#log.children[i] !== child)) {
      this.#log.replaceChildren(...children);
    }
  }

  /** Changes the conversation, and stays at its end for somebody who reads along there. */
  #following(change: () => void, always = false): void {
    const { scrollTop, clientHeight, scrollHeight } = this.#log;
    const isAtEnd = always || scrollHeight - scrollTop - clientHeight < NEAR_END;
    change();
    if (isAtEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  get #working(): boolean {
    return this.#state?.chat.turns.some((turn) => TRY_SIDES.some((side) => turn[side] !== null && isUnderWay(turn[side]))) === true;
  }

  #statusText(before: TryState | undefined, working: boolean): string {
    if (working) return 'The models are answering';
    const last = this.#state?.chat.turns.at(-1);
    if (before === undefined || last === undefined) return '';
    const failed = TRY_SIDES.map((side) => last[side]).filter((answer) => answer?.state === 'failed');
    return failed.length > 0 ? `No answer of ${failed.map((answer) => answer!.model).join(' and ')}` : 'The models have answered';
  }

  #keep(): void {
    if (this.#folder !== '') this.host.keep({ folder: this.#folder, ...this.#composer.kept });
  }
}
