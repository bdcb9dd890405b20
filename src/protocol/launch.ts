/** The messages between the extension host and the launch form. Both sides check what they receive. */

import { FIELD, type FieldSpec, isTextMap, isValue, type Texts } from './form.js';
import { type Check, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isNumber, isObject, isText, isTexts } from './values.js';

export interface SectionSpec {
  readonly title: string;
  readonly fields: readonly FieldSpec[];
}

export interface FormSpec {
  readonly presets: readonly { readonly id: string; readonly label: string; readonly description: string }[];
  readonly sections: readonly SectionSpec[];
  /** Ids of fields that can be given several values. */
  readonly several: readonly string[];
}

/** The state of the form. Texts are by field. */
export interface FormState {
  /** Of the form: what it launches. */
  readonly title: string;
  /** Problems. */
  readonly problems: Texts;
  /** Of these, the fields that nobody has filled in yet. They say what they need, but are not faults until a start is tried. */
  readonly quiet: readonly string[];
  /** Warnings, which do not prevent a start. */
  readonly warnings: Texts;
  /** What is known about a value, such as a model's size. */
  readonly notes: Texts;
  /** Fields whose problem the hub has said: it may be asked again. Of these, those with a page where something can be done about it. */
  readonly asked: readonly string[];
  readonly paged: readonly string[];
  /** Fields that have no effect with the chosen losses. */
  readonly hidden: readonly string[];
  /** Fields that differ from the preset. */
  readonly changed: readonly string[];
  /** The preset that the values are based on; empty if they come from another run. */
  readonly preset: string;
  /** Why the run cannot be started, whatever the fields say; empty if it can. */
  readonly blocked: string;
  readonly trusted: boolean;
  /** Whether the run is being started. */
  readonly starting: boolean;
  readonly sweep: SweepView;
}

/** What several values come to. */
export interface SweepView {
  /** Whether fields can be given several values. */
  readonly on: boolean;
  /** Fields that have several. */
  readonly several: readonly string[];
  /** How many runs; empty while that cannot be said. */
  readonly title: string;
  /** What they differ in, the last changing fastest. `field`: empty where the form has none. */
  readonly varied: readonly { readonly field: string; readonly label: string; readonly values: string }[];
  /** How long they take together, and what is to be known of that. */
  readonly text: string;
  readonly actions: readonly ForecastAction[];
}

export interface ForecastFigure {
  readonly label: string;
  readonly value: string;
  readonly detail: string;
  readonly tone: 'plain' | 'bad';
}

/** A button that gives a field another value. */
export interface ForecastAction {
  readonly label: string;
  readonly field: string;
  readonly value: string;
}

/** Something to know about the data before training on it. */
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
      /** Whether there is a file to open. */
      readonly opens: boolean;
      readonly actions: readonly ForecastAction[];
    }
  | { readonly kind: 'done'; readonly figures: readonly ForecastFigure[]; readonly notices: readonly ForecastNotice[] };

/** One thing to be downloaded: its id, and how much of it. */
export interface DownloadItem {
  readonly name: string;
  readonly detail: string;
}

/** What the fields name on the hub and is not here yet. `route`: how much in all, from where to where. */
export type DownloadsView =
  | { readonly kind: 'none' }
  /** `said`: how the last attempt ended; empty if there was none. */
  | { readonly kind: 'wanted'; readonly items: readonly DownloadItem[]; readonly route: string; readonly said: string }
  /** `fraction` from 0 to 1. */
  | {
      readonly kind: 'running';
      readonly items: readonly DownloadItem[];
      readonly route: string;
      readonly text: string;
      readonly fraction: number;
    };

export type LaunchHostMessage =
  /** `id`: identifies the form, so that the host finds what was typed after a reload of the window. */
  | { readonly type: 'form'; readonly id: string; readonly form: FormSpec; readonly values: Texts }
  /** Values that were changed by the host. */
  | { readonly type: 'values'; readonly values: Texts }
  | { readonly type: 'state'; readonly state: FormState }
  | { readonly type: 'forecast'; readonly forecast: ForecastView }
  | { readonly type: 'downloads'; readonly downloads: DownloadsView };

export const LAUNCH_REQUESTS = ['ready', 'start', 'save-config', 'open-fault', 'manage-trust', 'download', 'cancel-download'] as const;
export type LaunchRequest = (typeof LAUNCH_REQUESTS)[number];

export type LaunchPageMessage =
  | { readonly type: LaunchRequest }
  | { readonly type: 'set'; readonly field: string; readonly value: string }
  /** `index`: which of several paths. */
  | { readonly type: 'choose'; readonly field: string; readonly index: number }
  | { readonly type: 'preset'; readonly id: string }
  /** Whether fields can be given several values. */
  | { readonly type: 'sweep'; readonly on: boolean }
  /** Whether a field has several values. */
  | { readonly type: 'several'; readonly field: string; readonly on: boolean }
  /** Asks again for what a field names. */
  | { readonly type: 'ask-again'; readonly field: string }
  /** Opens the page where something can be done about a field's problem. */
  | { readonly type: 'open-page'; readonly field: string };

/** What a page keeps across a reload of the window: the id of its form. */
export interface LaunchPageState {
  readonly form: string;
}

const PAGE_MESSAGES: Messages<LaunchPageMessage> = {
  set: { field: isText, value: isValue },
  choose: { field: isText, index: isCount },
  preset: { id: isText },
  sweep: { on: isFlag },
  several: { field: isText, on: isFlag },
  'ask-again': { field: isText },
  'open-page': { field: isText },
};

export function readLaunchPageMessage(value: unknown): LaunchPageMessage | undefined {
  return readMessage(value, LAUNCH_REQUESTS, PAGE_MESSAGES);
}

const ACTION: Check<ForecastAction> = { label: isText, field: isText, value: isText };

const FORM: Check<FormSpec> = {
  presets: ['list of', { id: isText, label: isText, description: isText }],
  sections: ['list of', { title: isText, fields: ['list of', FIELD] }],
  several: isTexts,
};

const SWEEP: Check<SweepView> = {
  on: isFlag,
  several: isTexts,
  title: isText,
  varied: ['list of', { field: isText, label: isText, values: isText }],
  text: isText,
  actions: ['list of', ACTION],
};

const STATE: Check<FormState> = {
  title: isText,
  problems: isTextMap,
  quiet: isTexts,
  warnings: isTextMap,
  notes: isTextMap,
  asked: isTexts,
  paged: isTexts,
  hidden: isTexts,
  changed: isTexts,
  preset: isText,
  blocked: isText,
  trusted: isFlag,
  starting: isFlag,
  sweep: SWEEP,
};

const FORECAST: Check<ForecastView> = [
  'by kind',
  {
    none: {},
    working: { text: isText, fraction: isNumber },
    failed: { what: isText, where: isText, advice: isText, opens: isFlag, actions: ['list of', ACTION] },
    done: {
      figures: ['list of', { label: isText, value: isText, detail: isText, tone: ['one of', ['plain', 'bad']] }],
      notices: ['list of', { tone: ['one of', ['plain', 'warn']], title: isText, text: isText, actions: ['list of', ACTION] }],
    },
  },
];

const ITEMS: Check<readonly DownloadItem[]> = ['list of', { name: isText, detail: isText }];

const DOWNLOADS: Check<DownloadsView> = [
  'by kind',
  {
    none: {},
    wanted: { items: ITEMS, route: isText, said: isText },
    running: { items: ITEMS, route: isText, text: isText, fraction: isNumber },
  },
];

const HOST_MESSAGES: Messages<LaunchHostMessage> = {
  form: { id: isText, form: FORM, values: isTextMap },
  values: { values: isTextMap },
  state: { state: STATE },
  forecast: { forecast: FORECAST },
  downloads: { downloads: DOWNLOADS },
};

export function readLaunchHostMessage(value: unknown): LaunchHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES);
}

export function readLaunchPageState(value: unknown): LaunchPageState | undefined {
  return isObject(value) && isText(value['form']) ? { form: value['form'] } : undefined;
}
