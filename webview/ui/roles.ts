import { MASK_ROLES, type MaskRole } from '../../src/core/mask/index.js';
import type { Theme } from './theme.js';

/** The colour of what a token is, in every picture of a plan. */
export function roleColor(theme: Theme, role: MaskRole): string {
  switch (role) {
    case 'prompt':
      return theme.blue;
    case 'chosen':
      return theme.green;
    case 'rejected':
      return theme.red;
    case 'common':
      return theme.purple;
  }
}

/** By the number a segment has for its role. */
export function roleColors(theme: Theme): string[] {
  return MASK_ROLES.map((role) => roleColor(theme, role));
}

/** Roles for people. */
export const ROLE_WORDS: Readonly<Record<MaskRole, string>> = {
  prompt: 'prompt',
  chosen: 'chosen',
  rejected: 'rejected',
  common: 'common to several',
};
