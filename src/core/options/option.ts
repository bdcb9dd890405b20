import type { Rule, RuleOf, ValueOf } from './rule.js';

/** An option of a run: all that is said of it. Types, files, flags, forms and docs come from this. */
export interface Option {
  /** What it may be. */
  readonly rule: Rule;
  readonly default: unknown;
  /** Its name in a form. */
  readonly label: string;
  /** A line about it: help of the command line and of forms, hovers in run configs, tables of the docs. */
  readonly help: string;
  /** It came after the first version of `run.json`: a file without it means its default, or this. */
  readonly absent?: 'default' | { readonly means: unknown };
  /**
   * What asks for a run may leave it to be decided when the run is made, by the machine and the data; `run.json` has what it
   * came to, which is this where nothing else decides.
   */
  readonly decided?: { readonly rule: Rule; readonly value: unknown };
  /** It names a file or folder: absolute in `run.json`, elsewhere relative to where it is given. */
  readonly path?: 'file' | 'folder';
  /** It comes from a flag alone: no file, form or run folder may say it, for it names code to run. */
  readonly flagOnly?: true;
  /** What stands in place of the default where the model decides it. */
  readonly byModel?: string;
  /** However it is set, a run takes the same memory. */
  readonly noMemory?: true;
  /** How one writes it into a form, where that is JSON. */
  readonly example?: string;
}

/** Options by their names. */
export type Options = Readonly<Record<string, Option>>;

/** The values of options, by their names. */
export type ValuesOf<O> = { readonly [K in keyof O]: O[K] extends { readonly rule: infer R } ? ValueOf<R> : never };

/** One whose values the compiler knows. */
export interface OptionOf<V> extends Option {
  readonly rule: RuleOf<V>;
  readonly default: V;
  readonly absent?: 'default' | { readonly means: V };
}

/** For the compiler: default and rule must go together. */
export const option = <V, R extends RuleOf<V>>(row: OptionOf<V> & { readonly rule: R }): OptionOf<V> & { readonly rule: R } => row;

/** @returns the default of each */
export function defaultsOf<O>(options: O): ValuesOf<O> {
  return Object.fromEntries(Object.entries(options as Options).map(([name, row]) => [name, row.default])) as ValuesOf<O>;
}

/** The rules that files with these options are read by. @param decided nothing is left to be decided in them */
export function rulesOf<O>(options: O, decided = false): Readonly<Record<keyof O, Rule>> {
  const rules = Object.entries(options as Options).map(([name, row]) => {
    const { absent, default: value } = row;
    const rule = (decided ? row.decided?.rule : undefined) ?? row.rule;
    return [name, absent === undefined ? rule : { ...rule, absent: absent === 'default' ? value : absent.means }];
  });
  return Object.fromEntries(rules) as Record<keyof O, Rule>;
}
