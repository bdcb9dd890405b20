import { nearestName } from '../nearest-name.js';

/**
 * What a value of a file may be. Bounds are inclusive unless `open` names the side that is not. A field with an `absent`
 * value came later than the format: in older files it is missing and means that. An `optional` one may be missing in any.
 */
export type Rule = { readonly absent?: unknown; readonly optional?: true } & (
  | {
      readonly kind: 'number' | 'integer';
      readonly min: number;
      readonly max: number;
      readonly open?: 'min' | 'max' | 'both';
      /** "auto" may stand in its place: then it is decided later. */
      readonly orAuto?: true;
      /** A list of different whole numbers may stand in its place, of one at least and `most`. */
      readonly orList?: NumberList;
    }
  | { readonly kind: 'string'; readonly pattern?: RegExp; readonly expected?: string }
  | { readonly kind: 'choice'; readonly choices: readonly (string | number)[] }
  | { readonly kind: 'flag' }
  /** `orItem`: an item may stand for a list of one. */
  | { readonly kind: 'list'; readonly item: Rule; readonly orItem?: true }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, Rule>> }
  /** An object with any keys. */
  | { readonly kind: 'map'; readonly item: Rule }
);

/** A rule whose values the compiler knows. `value` is never there: it only carries the type. */
export type RuleOf<V> = Rule & { readonly value?: V };
export type ValueOf<R> = R extends { readonly value?: infer V } ? V : never;

/** The largest count that a run's files hold. */
export const MOST = 2 ** 31 - 1;

/** Bounds of the items of a list, and how many there may be. */
export interface NumberList {
  readonly min: number;
  readonly max: number;
  readonly most: number;
}

type Bounds = { readonly min: number; readonly max: number };

/** A whole number between bounds, both included. */
export const integer = (min: number, max: number = MOST): RuleOf<number> & Bounds => ({ kind: 'integer', min, max });

/** The same, or "auto", which leaves it to be decided. */
export const integerOrAuto = (min: number, max: number = MOST): RuleOf<number | 'auto'> & Bounds => ({
  kind: 'integer',
  min,
  max,
  orAuto: true,
});

/** The same, or a list of different whole numbers. */
export const integerOrList = (min: number, max: number, orList: NumberList): RuleOf<number | readonly number[]> & Bounds => ({
  kind: 'integer',
  min,
  max,
  orList,
});

/** The same, or "auto". */
export const integerListOrAuto = (min: number, max: number, orList: NumberList): RuleOf<number | readonly number[] | 'auto'> & Bounds => ({
  kind: 'integer',
  min,
  max,
  orAuto: true,
  orList,
});

/** A number between bounds, both included but those that are `open`. */
export const number = (min: number, max: number, open?: 'min' | 'max' | 'both'): RuleOf<number> & Bounds => ({
  kind: 'number',
  min,
  max,
  ...(open && { open }),
});

export const FLAG: RuleOf<boolean> = { kind: 'flag' };

export const choice = <const C extends string | number>(choices: readonly C[]): RuleOf<C> => ({ kind: 'choice', choices });

/** A text that matches. @param expected what is asked for, to follow "expected" */
export const text = (pattern?: RegExp, expected?: string): RuleOf<string> => ({
  kind: 'string',
  ...(pattern && { pattern }),
  ...(expected !== undefined && { expected }),
});

export const absolutePath = text(/^\/[^\0]*$/, 'an absolute path');
export const pathOrNone = text(/^(\/[^\0]*)?$/, 'an absolute path, or an empty text');

export const list = <V>(item: RuleOf<V>): RuleOf<readonly V[]> => ({ kind: 'list', item });

/** A list, or one item, which stands for a list of it. */
export const oneOrList = <V>(item: RuleOf<V>): RuleOf<V | readonly V[]> => ({ kind: 'list', item, orItem: true });

export const map = <V>(item: RuleOf<V>): RuleOf<Readonly<Record<string, V>>> => ({ kind: 'map', item });

type OptionalKeys<F> = { [K in keyof F]: F[K] extends { readonly optional: true } ? K : never }[keyof F];
type ObjectOf<F> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
};

export const object = <F extends Readonly<Record<string, Rule>>>(fields: F): RuleOf<ObjectOf<F>> => ({ kind: 'object', fields });

/** The same, for a field that may be missing. */
export const optional = <R extends Rule>(rule: R): R & { readonly optional: true } => ({ ...rule, optional: true });

/** What is wrong with a value, in words for a person, or undefined when the rule allows it. */
export function valueProblem(rule: Rule, value: unknown): string | undefined {
  const wrong = `expected ${ruleText(rule)}, found ${describe(value)}`;
  switch (rule.kind) {
    case 'choice':
      return rule.choices.includes(value as string | number) ? undefined : wrong + meant(rule.choices, value);
    case 'string':
      return typeof value === 'string' && (rule.pattern === undefined || rule.pattern.test(value)) ? undefined : wrong;
    case 'flag':
      return typeof value === 'boolean' ? undefined : wrong;
    case 'list': {
      const items: readonly unknown[] | undefined = Array.isArray(value) ? value : rule.orItem ? [value] : undefined;
      if (items === undefined || (rule.orItem && items.length === 0)) return wrong;
      return items.map((item) => valueProblem(rule.item, item)).find((problem) => problem !== undefined);
    }
    case 'object':
      return typeof value === 'object' && value !== null ? undefined : wrong;
    case 'map':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong;
      return Object.values(value)
        .map((item: unknown) => valueProblem(rule.item, item))
        .find((problem) => problem !== undefined);
    default: {
      if (rule.orAuto && value === 'auto') return undefined;
      if (rule.orList && Array.isArray(value)) return listProblem(rule.orList, value);
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrong;
      if (rule.kind === 'integer' && !Number.isInteger(value)) return wrong;
      const low = rule.open === 'min' || rule.open === 'both' ? value > rule.min : value >= rule.min;
      const high = rule.open === 'max' || rule.open === 'both' ? value < rule.max : value <= rule.max;
      return low && high ? undefined : wrong;
    }
  }
}

/** What is called otherwise elsewhere, and is most like something else here: `dpo` is no slip of the pen for `ipo`. */
const CALLED_HERE: ReadonlyMap<string, string> = new Map([
  ['dpo', 'sigmoid'],
  ['slic', 'hinge'],
  ['gpu', 'cuda'],
  ['wsd', 'warmup_stable_decay'],
  ['constant_with_warmup', 'constant'],
  ['fp32', 'float32'],
  ['fp16', 'float16'],
  ['bf16', 'bfloat16'],
]);

function meant(choices: readonly (string | number)[], value: unknown): string {
  if (typeof value !== 'string') return '';
  const known = CALLED_HERE.get(value.toLowerCase());
  // A number's text is no name: whoever wrote "1" is told that 1 is expected.
  const names = choices.filter((choice) => typeof choice === 'string');
  const near = known !== undefined && names.includes(known) ? known : nearestName(value, names);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

function listProblem({ min, max, most }: NumberList, items: readonly unknown[]): string | undefined {
  if (items.length === 0 || items.length > most) return `expected a list of 1 to ${most} numbers, found ${items.length}`;
  const wrong = items.find((item) => !Number.isSafeInteger(item) || (item as number) < min || (item as number) > max);
  if (wrong !== undefined) return `expected whole numbers from ${min} to ${max} in the list, found ${describe(wrong)}`;
  const twice = items.find((item, at) => items.indexOf(item) !== at);
  return twice === undefined ? undefined : `expected different numbers in the list, found ${String(twice)} twice`;
}

/** What a rule allows, to follow "expected". */
export function ruleText(rule: Rule): string {
  switch (rule.kind) {
    case 'choice':
      return rule.choices.map((choice) => JSON.stringify(choice)).join(' or ');
    case 'string':
      return rule.expected ?? 'a text';
    case 'flag':
      return 'true or false';
    case 'list':
      return rule.orItem ? `${ruleText(rule.item)}, or a list of these` : `a list, each ${ruleText(rule.item)}`;
    case 'object':
      return `an object with ${Object.keys(rule.fields).join(', ')}`;
    case 'map':
      return `an object, each value ${ruleText(rule.item)}`;
    default: {
      const what = rule.kind === 'integer' ? 'a whole number' : 'a number';
      const low = rule.open === 'min' || rule.open === 'both' ? `above ${rule.min}` : `of at least ${rule.min}`;
      const high = rule.open === 'max' || rule.open === 'both' ? `below ${rule.max}` : `at most ${rule.max}`;
      const listed = rule.orList ? `, or a list of different ones from ${rule.orList.min} to ${rule.orList.max}` : '';
      return `${rule.orAuto ? '"auto" or ' : ''}${what} ${low} and ${high}${listed}`;
    }
  }
}

export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
