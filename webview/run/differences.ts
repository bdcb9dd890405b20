import type { Difference } from '../../src/protocol/run.js';
import { element } from '../ui/dom.js';

/** The settings that runs of a panel do not have in common, a row each. */
export function differencesTable(names: readonly string[], differences: readonly Difference[]): HTMLElement {
  const heading = element('h2', { id: 'differences' }, 'Differences');
  if (differences.length === 0) {
    return element('section', {}, heading, element('p', {}, 'These runs have the same dataset, model and settings.'));
  }
  return element(
    'section',
    {},
    heading,
    element(
      'div',
      { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-labelledby': 'differences' },
      element(
        'table',
        {},
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            element('th', { scope: 'col' }, 'Setting'),
            ...names.map((name) => element('th', { scope: 'col' }, name)),
          ),
        ),
        element(
          'tbody',
          {},
          ...differences.map(({ setting, values }) =>
            element(
              'tr',
              {},
              element('th', { scope: 'row' }, element('code', {}, setting)),
              ...values.map((value) => element('td', {}, value === '' ? '–' : value)),
            ),
          ),
        ),
      ),
    ),
  );
}
