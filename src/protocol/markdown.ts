/** A text in Markdown as pages show it: elements of few kinds, which are made one by one. No markup ever reaches a page. */

import { isCount, isFlag, isObject, isOneOf, isText } from './values.js';

export const MARK_TAGS = [
  ...['p', 'h3', 'h4', 'h5', 'h6', 'em', 'strong', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'hr', 'br'],
  ...['table', 'tr', 'th', 'td'],
] as const;

/** A text, or an element with what is in it. */
export type MarkNode = string | MarkElement;

export interface MarkElement {
  readonly tag: string;
  readonly inside: readonly MarkNode[];
  /** Of a link: to the web, or a mail address. */
  readonly href?: string;
  /** Of an item in a list of tasks. */
  readonly done?: boolean;
  /** The number that a list begins with. */
  readonly start?: number;
}

/** More levels are nobody's notes. */
const DEEPEST = 64;

export function isMarkdown(value: unknown): value is readonly MarkNode[] {
  return areNodes(value, 0);
}

function areNodes(value: unknown, depth: number): value is readonly MarkNode[] {
  return depth < DEEPEST && Array.isArray(value) && value.every((node) => isText(node) || isElement(node, depth));
}

function isElement(value: unknown, depth: number): boolean {
  if (!isObject(value)) return false;
  const { tag, inside, href, done, start } = value;
  return (
    isOneOf(tag, MARK_TAGS) &&
    areNodes(inside, depth + 1) &&
    (href === undefined || (isText(href) && isWebAddress(href))) &&
    (done === undefined || isFlag(done)) &&
    (start === undefined || isCount(start))
  );
}

/** Whether a link may lead there. */
export function isWebAddress(address: string): boolean {
  return /^(https?:\/\/|mailto:)/i.test(address);
}
