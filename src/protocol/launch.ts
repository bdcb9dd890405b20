/** The messages between the extension host and the launch form. Both sides check what they receive. */

import { type FieldSpec, isField, isList, isTextMap, LONGEST_VALUE, type Texts } from './form.js';
import { isCount, isNumber, isObject, isOneOf, isText } from './values.js';

export interface SectionSpec {
  readonly title: string;
  readonly fields: readonly FieldSpec[];
}

export interface FormSpec {
  readonly title: string;
  readonly presets: readonly { readonly id: string; readonly label: string; readonly description: string }[];
  readonly sections: readonly SectionSpec[];
}

/** How the form stands. Texts are by field. */
export interface FormState {
  /** What is wrong. */
  readonly problems: Texts;
  /** Fields among these that nobody has filled yet: what they want is said, and is no fault before a start is tried. */
  readonly quiet: readonly string[];
  /** What is doubtful, and no reason not to start. */
  readonly warnings: Texts;
  /** What is known of a value, such as a model's size. */
  readonly notes: Texts;
  /** Fields without effect for the losses that are chosen. */
  readonly hidden: readonly string[];
  /** Fields that differ from the preset. */
  readonly changed: readonly string[];
  /** The preset that the values began from; empty for another run's. */
  readonly preset: string;
  /** Why it cannot be started whatever the fields say; empty when it can. */
  readonly blocked: string;
  readonly trusted: boolean;
  /** A start is under way. */
  readonly starting: boolean;
}

export interface ForecastFigure {
  readonly label: string;
  readonly value: string;
  readonly detail: string;
  readonly tone: 'plain' | 'bad';
}

/** A click that gives a field another value. */
export interface ForecastAction {
  readonly label: string;
  readonly field: string;
  readonly value: string;
}

/** Something to know about the data before it is trained on. */
export interface ForecastNotice {
  readonly tone: 'plain' | 'warn';
  readonly title: string;
  readonly text: string;
  readonly actions: readonly ForecastAction[];
}

export type ForecastView =
  | { readonly kind: 'none' }
  /** `fraction` from 0 to 1; negative while it is not known. */
  | { readonly kind: 'working'; readonly text: string; readonly fraction: number }
  | {
      readonly kind: 'failed';
      readonly what: string;
      readonly where: string;
      readonly advice: string;
      /** There is a file to open. */
      readonly opens: boolean;
      readonly actions: readonly ForecastAction[];
    }
  | { readonly kind: 'done'; readonly figures: readonly ForecastFigure[]; readonly notices: readonly ForecastNotice[] };

export type LaunchHostMessage =
  /** `id`: under which the host finds what was typed after a reload of the window. */
  | { readonly type: 'form'; readonly id: string; readonly form: FormSpec; readonly values: Texts }
  /** Values that changed other than by the page's own hand. */
  | { readonly type: 'values'; readonly values: Texts }
  | { readonly type: 'state'; readonly state: FormState }
  | { readonly type: 'forecast'; readonly forecast: ForecastView };

export const LAUNCH_REQUESTS = ['ready', 'start', 'save-config', 'open-fault', 'manage-trust'] as const;
export type LaunchRequest = (typeof LAUNCH_REQUESTS)[number];

export type LaunchMessage =
  | { readonly type: LaunchRequest }
  | { readonly type: 'set'; readonly field: string; readonly value: string }
  /** `index`: of several paths. */
  | { readonly type: 'choose'; readonly field: string; readonly index: number }
  | { readonly type: 'preset'; readonly id: string };

/** A message from a page, or undefined when it is not one. */
export function readLaunchMessage(value: unknown): LaunchMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, field, value: text, id, index } = value;
  if (isOneOf(type, LAUNCH_REQUESTS)) return { type };
  if (type === 'choose' && isText(field) && isCount(index)) return { type, field, index };
  if (type === 'preset' && isText(id)) return { type, id };
  if (type === 'set' && isText(field) && isText(text) && text.length <= LONGEST_VALUE) return { type, field, value: text };
  return undefined;
}

/** A message from the host, or undefined when it is not one this page knows. */
export function readLaunchHostMessage(value: unknown): LaunchHostMessage | undefined {
  if (!isObject(value)) return undefined;
  switch (value['type']) {
    case 'form':
      return isText(value['id']) && isForm(value['form']) && isTextMap(value['values']) ? (value as unknown as LaunchHostMessage) : undefined;
    case 'values':
      return isTextMap(value['values']) ? (value as unknown as LaunchHostMessage) : undefined;
    case 'state':
      return isState(value['state']) ? (value as unknown as LaunchHostMessage) : undefined;
    case 'forecast':
      return isForecast(value['forecast']) ? (value as unknown as LaunchHostMessage) : undefined;
    default:
      return undefined;
  }
}

/** What a page keeps over a reload of the window: the id of its form, or undefined when it is something else. */
export function readLaunchState(value: unknown): string | undefined {
  return isObject(value) && isText(value['form']) ? value['form'] : undefined;
}

function isForm(value: unknown): value is FormSpec {
  return (
    isObject(value) &&
    isText(value['title']) &&
    isList(value['presets'], (each) => ['id', 'label', 'description'].every((name) => isText(each[name]))) &&
    isList(value['sections'], (each) => isText(each['title']) && isList(each['fields'], isField))
  );
}

function isState(value: unknown): value is FormState {
  return (
    isObject(value) &&
    isTextMap(value['problems']) &&
    isTextMap(value['notes']) &&
    isTextMap(value['warnings']) &&
    ['quiet', 'hidden', 'changed'].every((name) => Array.isArray(value[name]) && (value[name] as unknown[]).every(isText)) &&
    isText(value['preset']) &&
    isText(value['blocked']) &&
    typeof value['trusted'] === 'boolean' &&
    typeof value['starting'] === 'boolean'
  );
}

function isForecast(value: unknown): value is ForecastView {
  if (!isObject(value)) return false;
  switch (value['kind']) {
    case 'none':
      return true;
    case 'working':
      return isText(value['text']) && isNumber(value['fraction']);
    case 'failed':
      return (
        ['what', 'where', 'advice'].every((name) => isText(value[name])) &&
        typeof value['opens'] === 'boolean' &&
        isList(value['actions'], isAction)
      );
    case 'done':
      return (
        isList(
          value['figures'],
          (each) =>
            ['label', 'value', 'detail'].every((name) => isText(each[name])) && isOneOf(each['tone'], ['plain', 'bad']),
        ) && isList(value['notices'], isNotice)
      );
    default:
      return false;
  }
}

function isAction(each: Readonly<Record<string, unknown>>): boolean {
  return ['label', 'field', 'value'].every((name) => isText(each[name]));
}

function isNotice(each: Readonly<Record<string, unknown>>): boolean {
  return (
    ['title', 'text'].every((name) => isText(each[name])) &&
    isOneOf(each['tone'], ['plain', 'warn']) &&
    isList(each['actions'], isAction)
  );
}
