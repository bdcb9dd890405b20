import type { SampleText } from '../../src/core/sample/index.js';
import { createDropdown } from '../ui/controls.js';
import { element } from '../ui/dom.js';

/** What the run's models write for the same prompts: the reference's completion beside the policy's, as training goes on. */
export class Samples {
  readonly root = element('section', { class: 'samples', 'aria-labelledby': 'samples-title', hidden: '' });
  #samples: readonly SampleText[] = [];
  #prompt = 0;
  /** Undefined: the newest, also when a newer one comes. */
  #step: number | undefined;

  show(samples: readonly SampleText[], problem: string): void {
    this.#samples = samples;
    this.root.hidden = samples.length === 0 && problem === '';
    if (problem === '') this.#draw();
    else this.root.replaceChildren(title(), element('p', { role: 'status' }, `The samples cannot be shown: ${problem}`));
  }

  #draw(): void {
    const index = Math.min(this.#prompt, this.#samples.length - 1);
    const sample = this.#samples[index];
    if (sample === undefined) return;
    const newest = sample.policy.at(-1);
    const policy = sample.policy.find(({ step }) => step === this.#step) ?? newest;
    const prompt = block('Prompt', sample.prompt, 'prompt');
    this.root.replaceChildren(
      title(),
      element('div', { class: 'samples-choice' }, ...this.#promptChoice(index), ...this.#stepChoice(sample, policy?.step)),
      prompt,
      element(
        'div',
        { class: 'samples-texts' },
        block('Reference', sample.reference ?? 'Not sampled yet.', 'reference'),
        block(policy === undefined ? 'Policy' : `Policy after step ${policy.step}`, policy?.text ?? 'Not sampled yet.', 'policy'),
      ),
    );
    // What is answered stands at its end.
    const text = prompt.querySelector('pre')!;
    text.scrollTop = text.scrollHeight;
  }

  #promptChoice(index: number): HTMLElement[] {
    if (this.#samples.length < 2) return [];
    const choices = this.#samples.map((_, i) => ({ value: String(i), label: `Prompt ${i + 1} of ${this.#samples.length}` }));
    const onChange = (value: string): void => {
      this.#prompt = Number(value);
      this.#draw();
      this.#focus(0);
    };
    return [createDropdown({ label: 'Prompt', choices, value: String(index), onChange }).root];
  }

  #stepChoice({ policy }: SampleText, step: number | undefined): HTMLElement[] {
    if (policy.length < 2 || step === undefined) return [];
    const newest = policy.at(-1)!.step;
    const choices = [...policy]
      .reverse()
      .map((each) => ({ value: String(each.step), label: `Step ${each.step}${each.step === newest ? ' (newest)' : ''}` }));
    const onChange = (value: string): void => {
      this.#step = Number(value) === newest ? undefined : Number(value);
      this.#draw();
      this.#focus(-1);
    };
    return [createDropdown({ label: 'Step of the policy', choices, value: String(step), onChange }).root];
  }

  /** Drawn anew, a control would lose the focus of whoever just used it. */
  #focus(which: number): void {
    [...this.root.querySelectorAll<HTMLElement>('vscode-dropdown')].at(which)?.focus();
  }
}

function title(): HTMLElement {
  return element('h2', { id: 'samples-title' }, 'Samples');
}

function block(name: string, text: string, which: string): HTMLElement {
  const body = element('pre', { tabindex: '0', role: 'region', 'aria-label': name }, text);
  return element('div', { class: `sample ${which}` }, element('h3', {}, name), body);
}
