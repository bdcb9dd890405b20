import { WishboneError } from '../errors.js';
import type { RuleJudge } from './request.js';

/** What was said of a prompt: the first side's text is better, the second's, neither. */
export type Winner = 'first' | 'second' | 'tie';

export interface RuleVerdict {
  readonly winner: Winner;
  /** Why, for people. */
  readonly words: string;
}

export type Rule = (first: string, second: string, chosen: string) => RuleVerdict;

/**
 * A rule as a function of two texts and the dataset's chosen response.
 *
 * @throws WishboneError for a pattern that is none
 */
export function ruleOf({ rule, pattern = '' }: RuleJudge): Rule {
  switch (rule) {
    case 'regex': {
      const expression = compiled(pattern);
      return (first, second) => byFact(expression.test(first), expression.test(second), 'matches', 'does not match');
    }
    case 'exact':
      return (first, second, chosen) => {
        const is = (text: string): boolean => squeezed(text) === squeezed(chosen);
        return byFact(is(first), is(second), 'is the chosen response', 'is not the chosen response');
      };
    case 'shorter':
      return (first, second) => byLength(first, second, -1);
    case 'longer':
      return (first, second) => byLength(first, second, 1);
  }
}

function compiled(pattern: string): RegExp {
  try {
    if (pattern !== '') return new RegExp(pattern, 'u');
  } catch (error) {
    throw new WishboneError((error as Error).message, 'the regular expression of the rule', 'write one as JavaScript has them');
  }
  throw new WishboneError('the regular expression of the rule is empty', 'the rule', 'write it after the colon: regex:PATTERN');
}

/** White space counts as one space, and not at all at the ends. */
const squeezed = (text: string): string => text.trim().replace(/\s+/g, ' ');

function byFact(first: boolean, second: boolean, yes: string, no: string): RuleVerdict {
  const winner = first === second ? 'tie' : first ? 'first' : 'second';
  return { winner, words: `the first ${first ? yes : no}, the second ${second ? yes : no}` };
}

function byLength(first: string, second: string, sign: 1 | -1): RuleVerdict {
  const [a, b] = [lengthOf(first), lengthOf(second)];
  const difference = sign * (a - b);
  return { winner: difference === 0 ? 'tie' : difference > 0 ? 'first' : 'second', words: `${a} characters against ${b}` };
}

/** Unicode's characters, as Python counts them. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}
