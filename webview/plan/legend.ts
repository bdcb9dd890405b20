import { MASK_ROLES } from '../../src/core/mask/index.js';
import { element } from '../ui/dom.js';
import { ROLE_WORDS } from '../ui/roles.js';

/** What the colours of a picture mean: the roles, and what else there is, by class and words. */
export function createLegend(others: readonly (readonly [kind: string, words: string])[]): HTMLElement {
  const roles = MASK_ROLES.map((role) => [role, ROLE_WORDS[role]] as const);
  return element(
    'ul',
    { class: 'legend', 'aria-label': 'Colours' },
    ...[...roles, ...others].map(([kind, words]) =>
      element('li', {}, element('span', { class: `swatch ${kind}`, 'aria-hidden': 'true' }), words),
    ),
  );
}
