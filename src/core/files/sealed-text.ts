import { createHash } from 'node:crypto';

/** A text with its SHA-256 on a line before it, for what is kept and must be told from what was damaged. */
export function seal(text: string): string {
  return `${createHash('sha256').update(text).digest('hex')}\n${text}`;
}

/** What was sealed, or undefined when it is no longer that. */
export function unseal(sealed: string): string | undefined {
  const text = sealed.slice(sealed.indexOf('\n') + 1);
  return sealed === seal(text) ? text : undefined;
}
