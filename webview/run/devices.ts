import { formatBytes, formatPercent, UNKNOWN } from '../../src/format.js';
import type { DeviceStatus, RunStatus } from '../../src/protocol/run.js';
import { element, setText } from '../ui/dom.js';

/** A share as a bar with its text beside it. */
class Meter {
  readonly #fill = element('div');
  readonly #bar = element('div', { class: 'meter', 'aria-hidden': 'true' }, this.#fill);
  readonly #text = element('span', { class: 'value' });
  readonly root = element('td', {}, element('div', { class: 'metered' }, this.#bar, this.#text));

  draw(share: number | null, text: string): void {
    this.#bar.hidden = share === null;
    this.#fill.style.width = `${100 * Math.min(1, Math.max(0, share ?? 0))}%`;
    setText(this.#text, text);
  }
}

class DeviceRow {
  readonly #name = element('th', { scope: 'row' });
  readonly #utilisation = new Meter();
  readonly #memory = new Meter();
  readonly #temperature = element('td', { class: 'amount' });
  readonly #power = element('td', { class: 'amount' });
  readonly root = element('tr', {}, this.#name, this.#utilisation.root, this.#memory.root, this.#temperature, this.#power);

  /** @param number among several, as devices count; undefined for one alone */
  draw({ name, utilisation, memory, memoryTotal, temperature, power }: DeviceStatus, number: number | undefined): void {
    setText(this.#name, number === undefined ? name : `${number}  ${name}`);
    this.#utilisation.draw(utilisation, formatPercent(utilisation));
    const isKnown = memory !== null && memoryTotal !== null && memoryTotal > 0;
    this.#memory.draw(isKnown ? memory / memoryTotal : null, isKnown ? `${formatBytes(memory)} of ${formatBytes(memoryTotal)}` : UNKNOWN);
    setText(this.#temperature, temperature === null ? UNKNOWN : `${Math.round(temperature)} °C`);
    setText(this.#power, power === null ? UNKNOWN : `${Math.round(power)} W`);
  }
}

/** The GPUs of a run that is at work, a line each. */
export class DeviceTable {
  readonly #body = element('tbody');
  readonly root = element(
    'section',
    { class: 'devices', 'aria-labelledby': 'devices-title', hidden: '' },
    element('h2', { id: 'devices-title' }, 'GPUs'),
    element(
      'div',
      { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-labelledby': 'devices-title' },
      element(
        'table',
        {},
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            element('th', { scope: 'col' }, 'GPU'),
            element('th', { scope: 'col', title: 'share of the last seconds in which something was computed' }, 'Utilisation'),
            element('th', { scope: 'col', title: 'of all processes on the GPU' }, 'Memory'),
            element('th', { scope: 'col', class: 'amount' }, 'Temperature'),
            element('th', { scope: 'col', class: 'amount', title: 'mean of the last seconds' }, 'Power'),
          ),
        ),
        this.#body,
      ),
    ),
  );
  #rows: DeviceRow[] = [];

  draw({ devices }: RunStatus): void {
    this.root.hidden = devices.length === 0;
    if (this.#rows.length !== devices.length) {
      this.#rows = devices.map(() => new DeviceRow());
      this.#body.replaceChildren(...this.#rows.map(({ root }) => root));
    }
    devices.forEach((device, i) => this.#rows[i]!.draw(device, devices.length > 1 ? i : undefined));
  }
}
