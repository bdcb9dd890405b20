import { MASK_ROLES } from '../../src/core/mask/index.js';
import { element } from '../ui/dom.js';
import { ROLE_WORDS } from '../ui/roles.js';

const GROUNDS = [
  ['skipped', 'hidden, tile skipped or masked'],
  ['partial', 'hidden in a partial tile'],
] as const;

/** What the colours of a mask mean. */
export function createLegend(): HTMLElement {
  const entry = (kind: string, words: string): HTMLElement =>
    element('li', {}, element('span', { class: `swatch ${kind}`, 'aria-hidden': 'true' }), words);
  return element(
    'ul',
    { class: 'legend', 'aria-label': 'Colours' },
    ...MASK_ROLES.map((role) => entry(role, role === 'common' ? `${ROLE_WORDS[role]}` : ROLE_WORDS[role])),
    ...GROUNDS.map(([kind, words]) => entry(kind, words)),
  );
}
