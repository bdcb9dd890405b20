import type { FieldSpec } from '../../src/protocol/form.js';
import { DEFAULT_TRY_SETTINGS, type TrySettings } from '../../src/protocol/try.js';
import { plural } from '../../src/format.js';
import { element } from '../ui/dom.js';
import { Field } from '../ui/field.js';

const field = (id: keyof TrySettings, label: string, help: string, kind: FieldSpec['kind'] = 'number'): FieldSpec => ({
  id,
  label,
  help,
  kind,
  choices: [],
  more: false,
});
const FIELDS: readonly FieldSpec[] = [
  field('maxTokens', 'Maximum tokens', 'In an answer'),
  field('temperature', 'Temperature', '0: always the most likely token'),
  field('topP', 'Top p', 'Sample from the most likely tokens that together have this probability'),
  field('seed', 'Seed', 'The same seed gives the same answer'),
  field('plain', 'Continue the text', 'Continue the prompt as plain text, without the chat template and what was said before', 'flag'),
];

/** What a number may be; whole where it counts things. */
const RANGES: Readonly<Record<Exclude<keyof TrySettings, 'plain'>, { least: number; most: number; whole: boolean }>> = {
  maxTokens: { least: 1, most: 2 ** 20, whole: true },
  temperature: { least: 0, most: 1000, whole: false },
  topP: { least: 1e-9, most: 1, whole: false },
  seed: { least: 0, most: 2 ** 31 - 1, whole: true },
};

/** The fields of how a prompt is answered. */
export class SettingsFields {
  readonly root: HTMLElement;
  readonly #fields: readonly Field[];
  readonly #texts: Record<string, string>;

  constructor(settings: TrySettings, onChange: () => void) {
    this.#texts = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
    this.#fields = FIELDS.map(
      (spec) =>
        new Field(spec, this.#texts[spec.id] ?? '', {
          onChange: (value) => {
            this.#texts[spec.id] = value;
            onChange();
          },
          onChoose: () => undefined,
        }),
    );
    this.root = element('div', { class: 'settings' }, ...this.#fields.map((each) => each.root));
  }

  /** Undefined while one of them is wrong. */
  get value(): TrySettings | undefined {
    if (FIELDS.some(({ id }) => this.#problem(id) !== undefined)) return undefined;
    const number = (name: string): number => Number(this.#texts[name]);
    return {
      plain: this.isPlain,
      maxTokens: number('maxTokens'),
      temperature: number('temperature'),
      topP: number('topP'),
      seed: number('seed'),
    };
  }

  /** The same with defaults for what is wrong. */
  get kept(): TrySettings {
    return this.value ?? { ...DEFAULT_TRY_SETTINGS, plain: this.isPlain };
  }

  get isPlain(): boolean {
    return this.#texts['plain'] === 'true';
  }

  set isPlain(plain: boolean) {
    this.#texts['plain'] = String(plain);
    for (const each of this.#fields) if (each.spec.id === 'plain') each.value = String(plain);
  }

  /** In a line. */
  get summary(): string {
    const { value } = this;
    if (value === undefined) return 'Settings';
    const { plain, maxTokens, temperature, topP, seed } = value;
    const drawn = temperature === 0 ? 'temperature 0' : `temperature ${temperature}, top p ${topP}, seed ${seed}`;
    return `Settings: at most ${plural(maxTokens, 'token')}, ${drawn}${plain ? ', continue the text' : ''}`;
  }

  draw(): void {
    for (const each of this.#fields) {
      const { id } = each.spec;
      const idle = (id === 'topP' || id === 'seed') && Number(this.#texts['temperature']) === 0;
      each.show({ problem: this.#problem(id), note: idle ? 'Not used at temperature 0' : undefined, changed: false, hidden: false });
    }
  }

  #problem(id: string): string | undefined {
    if (!(id in RANGES)) return undefined;
    const { least, most, whole } = RANGES[id as keyof typeof RANGES];
    const text = (this.#texts[id] ?? '').trim();
    const value = Number(text);
    const fits = text !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
    return fits ? undefined : `A ${whole ? 'whole ' : ''}number from ${least} to ${most}`;
  }
}
