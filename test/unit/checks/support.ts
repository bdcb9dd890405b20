import assert from 'node:assert/strict';
import { PreferenceChecker } from '../../../src/core/checks/checker.js';
import type { CheckReport, Problem, Range } from '../../../src/core/checks/types.js';

/** What a fresh checker says of a text. */
export async function reportOf(text: string, name = 'pairs.jsonl'): Promise<CheckReport> {
  const report = await new PreferenceChecker(name.endsWith('.json')).check(text);
  assert.ok(report !== undefined);
  return report;
}

/** Each problem as `check line: marked source`, lines from 1. */
export async function told(text: string, name?: string): Promise<string[]> {
  return (await reportOf(text, name)).problems.map((problem) => tell(text, problem));
}

export function tell(text: string, { check, range }: Problem): string {
  return `${check} ${range.start.line + 1}: ${textAt(text, range)}`;
}

export function textAt(text: string, { start, end }: Range): string {
  const lines = text.split('\n');
  const index = ({ line, character }: Range['start']): number =>
    lines.slice(0, line).reduce((sum, { length }) => sum + length + 1, character);
  return text.slice(index(start), index(end));
}

export const user = { role: 'user', content: 'Name a colour.' };
export const blue = { role: 'assistant', content: 'Blue.' };
export const seven = { role: 'assistant', content: 'Seven.' };
