import { equalExact } from '../exact-json/index.js';
import type { Message } from './types.js';

/**
 * Splits two full texts into their common prompt and the two responses, by the rule of TRL's `extract_prompt`: the
 * longest common prefix, one trailing space of it given to the responses, and at least one character left for each
 * response where there is one to leave. A surrogate pair is never split.
 */
export function extractTextPrompt(chosen: string, rejected: string): { prompt: string; chosen: string; rejected: string } {
  const shorter = chosen.length <= rejected.length ? chosen : rejected;
  let end = 0;
  while (end < shorter.length && chosen.charCodeAt(end) === rejected.charCodeAt(end)) end++;
  if (end === shorter.length) {
    end = Math.max(0, end - 1);
    if (splitsSurrogatePair(shorter, end)) end--;
  } else {
    if (splitsSurrogatePair(chosen, end) || splitsSurrogatePair(rejected, end)) end--;
    if (end > 0 && chosen[end - 1] === ' ') end--;
  }
  return { prompt: chosen.slice(0, end), chosen: chosen.slice(end), rejected: rejected.slice(end) };
}

function splitsSurrogatePair(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return false;
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

/**
 * The same for message lists: the longest common run of messages, at least one message left for each response. Messages are
 * equal as Python's dictionaries are: in whatever order their fields stand.
 */
export function extractMessagePrompt(
  chosen: readonly Message[],
  rejected: readonly Message[],
): { prompt: Message[]; chosen: Message[]; rejected: Message[] } {
  const most = Math.max(0, Math.min(chosen.length, rejected.length) - 1);
  let end = 0;
  while (end < most && equalExact(chosen[end], rejected[end])) end++;
  return { prompt: chosen.slice(0, end), chosen: chosen.slice(end), rejected: rejected.slice(end) };
}
