import type { FieldLocator } from './locate.js';
import type { Part, PlacedMessage, PlacedPair, PlacedText } from './pair-texts.js';
import { checkRoleOrder } from './role-order.js';
import { findSuspicious } from './suspicious-text.js';
import type { CheckName, RowProblem } from './types.js';

/** Compares the responses of each pair of a row. Told once of each response, however many pairs it is in. */
export function compareResponses(pairs: readonly PlacedPair[], locator: FieldLocator): RowProblem[] {
  const told = new Set<string>();
  return pairs.flatMap((pair) => {
    const { chosen, rejected } = pair;
    if (told.has(rejected.path)) return [];
    const found = compareTwo(chosen, rejected, pairs.length > 1 ? [`"${chosen.path}"`, `"${rejected.path}"`] : undefined);
    if (found === undefined) return [];
    told.add(rejected.path);
    return [{ ...found, span: locator.value(rejected.path) }];
  });
}

function compareTwo(
  chosen: Part,
  rejected: Part,
  [one, other]: readonly string[] = ['chosen', 'rejected'],
): { check: CheckName; what: string; advice: string } | undefined {
  const sides = [chosen, rejected].map(({ texts }) => texts.map(contentOf)) as [string[][], string[][]];
  if (!sameParts(...sides, sameWithoutSpace)) return undefined;
  if (sameParts(...sides, (a, b) => a === b)) {
    const advice = 'there is nothing to prefer; fix one of them, or remove the row';
    return { check: 'equal-responses', what: `${one} and ${other} are equal`, advice };
  }
  const advice = 'the model would learn layout, not answers; fix one of them, or remove the row';
  return { check: 'white-space-difference', what: `${one} and ${other} differ only in white space`, advice };
}

/** Whether two responses are alike, message by message. */
function sameParts(one: readonly string[][], other: readonly string[][], alike: (a: string, b: string) => boolean): boolean {
  return (
    one.length === other.length &&
    one.every((content, at) => {
      const beside = other[at] as string[];
      return content.length === beside.length && content.every((text, field) => alike(text, beside[field] as string));
    })
  );
}

/** Whether two texts are the same but for white space. Most differ early, and nothing is looked at after that. */
function sameWithoutSpace(a: string, b: string): boolean {
  const [spaceA, spaceB] = [/\S/gu, /\S/gu];
  for (;;) {
    const [nextA, nextB] = [spaceA.exec(a), spaceB.exec(b)];
    if (nextA === null || nextB === null) return nextA === nextB;
    if (nextA[0] !== nextB[0]) return false;
  }
}

/** What makes a text or message what it is, apart from its place. */
export function contentOf(placed: PlacedText | PlacedMessage): string[] {
  return 'role' in placed ? [placed.role, placed.extra, placed.text] : [placed.text];
}

/** Checks of each prompt and response by itself: order of roles, suspicious text, white space around it. */
export function checkParts(pairs: readonly PlacedPair[], locator: FieldLocator): RowProblem[] {
  const problems: RowProblem[] = [];
  const seen = new Set<string>();
  for (const pair of pairs) {
    // A row's pairs have a prompt and responses in common; a prompt that is cut from its responses differs by pair.
    const { prompt, chosen, rejected } = pair;
    const isNew = ({ path, texts }: Part): boolean => {
      const key = `${texts[0]?.path ?? path} ${texts[0]?.offset ?? 0} ${texts.length}`;
      return !seen.has(key) && seen.add(key) !== undefined;
    };
    const newPrompt = isNew(prompt);
    const responses = [chosen, rejected].filter(isNew);
    if (pair.kind === 'messages' && (newPrompt || responses.length > 0)) problems.push(...checkRoles(pair, locator));
    for (const part of newPrompt ? [prompt, ...responses] : responses) problems.push(...checkTexts(part, locator));
    for (const { texts } of responses) {
      for (const [index, placed] of texts.entries()) {
        problems.push(...outerWhiteSpace(placed, pair.kind === 'messages', index === texts.length - 1, locator));
      }
    }
  }
  return pairs.length > 1 ? withoutRepeats(problems) : problems;
}

function withoutRepeats(problems: readonly RowProblem[]): RowProblem[] {
  const told = new Map(problems.map((problem) => [`${problem.check} ${problem.span.start}`, problem]));
  return [...told.values()];
}

function checkRoles(placed: PlacedPair & { readonly kind: 'messages' }, locator: FieldLocator): RowProblem[] {
  return checkRoleOrder(placed.prompt.texts, [placed.chosen.texts, placed.rejected.texts]).map(({ message, what, advice }) => ({
    check: 'role-order',
    what,
    advice,
    span: locator.value(message.rolePath),
  }));
}

function checkTexts({ texts }: Part, locator: FieldLocator): RowProblem[] {
  return texts.flatMap(({ text, path, offset }) =>
    findSuspicious(text).map(({ check, at, length, count }) => {
      const span = locator.within(path, offset + at, offset + at + length);
      const more = count > 1 ? `, and ${count - 1} more in this text` : '';
      return { check, ...suspicionWords(check, text.slice(at, at + length), more), span };
    }),
  );
}

function suspicionWords(check: 'template-token' | 'mojibake', found: string, more: string) {
  if (check === 'template-token') {
    return {
      what: `${JSON.stringify(found)} looks like a chat template token${more}`,
      advice: 'remove it; the chat template of the model adds its own',
    };
  }
  return {
    what: `${JSON.stringify(found)} looks like text in the wrong encoding${more}`,
    advice: 'read the source again as UTF-8',
  };
}

/**
 * White space around a response. In plain text only at the end: there the space before a response parts it from its
 * prompt.
 */
function outerWhiteSpace({ text, path, offset }: PlacedText, isMessage: boolean, isLast: boolean, locator: FieldLocator): RowProblem[] {
  if (!isLast || text.trim() === '') return [];
  const leading = isMessage ? text.length - text.trimStart().length : 0;
  const solidEnd = text.trimEnd().length;
  const trim = [
    ...(leading > 0 ? [locator.within(path, offset, offset + leading)] : []),
    ...(solidEnd < text.length ? [locator.within(path, offset + solidEnd, offset + text.length)] : []),
  ];
  const [first] = trim;
  if (first === undefined) return [];
  const where = trim.length === 2 ? 'begins and ends' : leading > 0 ? 'begins' : 'ends';
  const what = `the response ${where} with white space`;
  return [{ check: 'outer-white-space', what, advice: 'trim it, unless the model should write it', span: first, trim }];
}
