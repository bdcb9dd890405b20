import path from 'node:path';
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { modelId, weightedDatasetId } from '../hub/hub-id.js';
import { nearestName } from '../nearest-name.js';
import { namedHere, optionRow, OPTIONS, type Rule, ruleText, SECTION_RULES, type SectionName, valueProblem } from '../options/index.js';
import { isPath, SYNONYMS, TOP_FIELDS } from './fields.js';

/** Something wrong in a run config. */
export interface ConfigProblem {
  /** Path of the field, such as `training.beta`; empty for the file as a whole. */
  readonly field: string;
  /** In UTF-16 units from the beginning of the text. */
  readonly offset: number;
  readonly length: number;
  readonly what: string;
  readonly advice: string;
  /** The JSON schema says so too: VS Code shows that by itself. */
  readonly bySchema: boolean;
  /** The name that was meant: what should stand at the place instead, without quotes. */
  readonly meant?: string | undefined;
}

const weighted = (text: string, folder: string): unknown => weightedDatasetId(text, folder)[0];

/** Fields that may name something on the hub in place of a path. */
const HUB_FIELDS: Readonly<Record<string, (text: string, folder: string) => unknown>> = {
  model: modelId,
  dataset: weighted,
  eval_dataset: weighted,
  'training.reference_model': modelId,
  'training.adapter_name_or_path': modelId,
};

/** A run config's text, read and judged field by field. */
export interface JudgedConfig {
  /** In the order of the text. */
  readonly problems: readonly ConfigProblem[];
  /** Values of the fields that are good, by their path. Paths of files are absolute, ids on the hub as they stand; an option has its own name. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Where each field's value stands, good or not. */
  readonly places: ReadonlyMap<string, { readonly offset: number; readonly length: number }>;
}

/**
 * Reads the text of a `*.wishbone.json`: JSON with comments. Nothing but the text is looked at, and whether what might be an id on
 * the hub is a file.
 *
 * @param folder absolute; relative paths count from it
 */
export function judgeConfig(text: string, folder: string): JudgedConfig {
  try {
    return new Judge(folder).judge(text);
  } catch (error) {
    // Whatever takes a value apart calls itself for each level.
    if (!(error instanceof RangeError)) throw error;
    return new Judge(folder).tooDeep();
  }
}

class Judge implements JudgedConfig {
  readonly #folder: string;
  readonly problems: ConfigProblem[] = [];
  readonly values = new Map<string, unknown>();
  readonly places = new Map<string, { offset: number; length: number }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  judge(text: string): JudgedConfig {
    const errors: ParseError[] = [];
    const root = parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
    for (const { error, offset, length } of errors) {
      // `InvalidCommaToken` to `invalid comma token`
      const kind = printParseErrorCode(error)
        .replace(/(?<!^)([A-Z])/g, ' $1')
        .toLowerCase();
      this.#report('', { offset, length }, `not valid JSON: ${kind}`, 'fix the text there');
    }
    if (errors.length > 0) return this;
    if (root?.type !== 'object') {
      const place = root ?? { offset: 0, length: 0 };
      this.#report('', place, 'a run config is an object', 'write { "version": 1, … }; see docs/run-config.md');
      return this;
    }
    const top = Object.fromEntries(Object.entries(TOP_FIELDS).map(([name, { rule }]) => [name, rule as Rule]));
    const sections = Object.keys(SECTION_RULES);
    this.#fields(root, '', top, sections, (name, value) => {
      const synonyms = Object.entries(SYNONYMS).flatMap(([theirs, ours]) =>
        theirs.startsWith(`${name}.`) ? [[theirs.slice(name.length + 1), ours] as const] : [],
      );
      const rules: Record<string, Rule> = { ...SECTION_RULES[name as SectionName] };
      for (const [theirs, ours] of synonyms) {
        const rule = rules[ours.slice(name.length + 1)];
        if (rule !== undefined) rules[theirs] = rule;
      }
      // Whatever is left out has its default.
      const optional = Object.entries(rules).map(([key, rule]) => [key, { ...rule, optional: true as const }]);
      this.#fields(value, name, Object.fromEntries(optional) as Record<string, Rule>);
    });
    this.#renameSynonyms();
    this.problems.sort((a, b) => a.offset - b.offset);
    return this;
  }

  tooDeep(): this {
    this.#report('', { offset: 0, length: 1 }, 'the JSON is nested too deeply', 'check that this is the right file');
    return this;
  }

  /** @param sections names of further fields, which are objects and judged by `inside` */
  #fields(
    object: Node,
    at: string,
    rules: Readonly<Record<string, Rule>>,
    sections: readonly string[] = [],
    inside: (name: string, value: Node) => void = () => undefined,
  ): void {
    if (object.type !== 'object') {
      this.#report(at, object, `${at}: expected an object`, `write "${at.split('.').at(-1)}": { … }`);
      return;
    }
    const seen = new Set<string>();
    for (const { children } of object.children ?? []) {
      const [key, value] = children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = String(key.value);
      const field = at === '' ? name : `${at}.${name}`;
      if (seen.has(name)) this.#report(field, key, `"${field}" appears twice`, 'remove one of them');
      seen.add(name);
      this.places.set(field, value);
      const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
      if (sections.includes(name)) {
        if (value.type === 'object') inside(name, value);
        else this.#report(field, value, `${field}: expected an object`, `write "${name}": { … }`);
      } else if (rule === undefined) this.#unknown(field, key, at, [...Object.keys(rules), ...sections]);
      else this.#value(value, field, rule);
    }
    for (const [name, rule] of Object.entries(rules)) {
      if (seen.has(name) || rule.optional || rule.absent !== undefined) continue;
      const field = at === '' ? name : `${at}.${name}`;
      const place = { offset: object.offset, length: 1 };
      this.#report(field, place, `the field "${field}" is missing`, `add "${name}": ${ruleText(rule)}`);
    }
  }

  #value(node: Node, field: string, rule: Rule): void {
    if (rule.kind === 'object') {
      const before = this.problems.length;
      this.#fields(node, field, rule.fields);
      if (this.problems.length === before) this.values.set(field, structuredClone(getNodeValue(node)));
      return;
    }
    const before = this.problems.length;
    if (rule.kind === 'list' && rule.item.kind === 'object' && node.type === 'array') {
      const { fields } = rule.item;
      node.children?.forEach((item, index) => this.#fields(item, `${field}[${index}]`, fields));
    } else {
      // An id may stand where the rule wants a path.
      const problem = valueProblem(rule, this.#resolved(node, field, false));
      if (problem !== undefined) this.#report(field, node, `${field}: ${problem}`, `set it to ${ruleText(rule)}`);
      else if (optionRow(field)?.flagOnly && node.value !== '') this.#library(field, node);
    }
    if (this.problems.length === before) this.values.set(field, this.#resolved(node, field));
  }

  /** A config may come from anywhere, and a library runs what it likes as soon as it is loaded. */
  #library(field: string, node: Node): void {
    const file = String(node.value);
    this.#report(
      field,
      node,
      `${field}: a run config cannot name a library, which is code that runs as you`,
      `if you trust ${file}, give --cublaslt ${file} or set WISHBONE_CUBLASLT to it; in VS Code, the user setting wishbone.gpu.library`,
      { bySchema: false },
    );
  }

  #resolved(node: Node, field: string, withIds = true): unknown {
    // Cloned: its objects have no prototype.
    const value: unknown = structuredClone(getNodeValue(node));
    if (!isPath(field)) return value;
    const id = withIds ? HUB_FIELDS[field] : undefined;
    const absolute = (item: unknown): unknown => {
      if (typeof item !== 'string' || item.trim() === '') return item;
      return id?.(item, this.#folder) === undefined ? path.resolve(this.#folder, item) : item;
    };
    return Array.isArray(value) ? value.map(absolute) : absolute(value);
  }

  #unknown(field: string, key: Node, at: string, known: readonly string[]): void {
    const name = String(key.value);
    const near = nearestName(name, known);
    const elsewhere = Object.entries(OPTIONS).find(([, options]) => Object.hasOwn(options, name));
    const farther = Object.entries(OPTIONS)
      .map(([section, options]) => [section, nearestName(name, Object.keys(options))] as const)
      .find(([, other]) => other !== undefined);
    const theirs = namedHere(name, (other) => `"${other}"`);
    const prefix = at === '' ? '' : `${at}.`;
    let advice = `remove it; valid names: ${known.join(', ')}`;
    if (elsewhere !== undefined) advice = `it belongs in "${elsewhere[0]}": did you mean "${elsewhere[0]}.${name}"?`;
    else if (theirs !== undefined) advice = theirs;
    else if (near !== undefined) advice = `did you mean "${prefix}${near}"?`;
    else if (farther !== undefined) advice = `did you mean "${farther[0]}.${farther[1]}"?`;
    // The schema refuses it too, but cannot say which one was meant.
    this.#report(field, key, `unknown field "${field}"`, advice, { bySchema: false, meant: (elsewhere ?? theirs) ? undefined : near });
  }

  #renameSynonyms(): void {
    for (const [theirs, ours] of Object.entries(SYNONYMS)) {
      const place = this.places.get(theirs);
      if (place === undefined) continue;
      if (this.places.has(ours))
        this.#report(theirs, place, `"${theirs}" and "${ours}" mean the same, and both are given`, 'remove one of them', {
          bySchema: false,
        });
      else if (this.values.has(theirs)) {
        this.values.set(ours, this.values.get(theirs));
        this.places.set(ours, place);
      }
      this.values.delete(theirs);
    }
  }

  #report(
    field: string,
    { offset, length }: { readonly offset: number; readonly length: number },
    what: string,
    advice: string,
    { bySchema = true, meant }: { readonly bySchema?: boolean; readonly meant?: string | undefined } = {},
  ): void {
    this.problems.push({ field, offset, length, what, advice, bySchema, meant });
  }
}
