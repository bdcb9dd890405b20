import type { Fields, RowReader } from '../fields.js';
import type { RowPairs } from '../responses.js';
import { refuseUnpaired } from '../unpaired.js';
import { refuseColumns } from '../whole-columns.js';
import { ALPACA } from './alpaca.js';
import { CHATBOT_ARENA } from './chatbot-arena.js';
import type { Form, FormOptions } from './form.js';
import { HELPSTEER3 } from './helpsteer3.js';
import { RANKED, SCORED } from './judged.js';
import { LLAMAFACTORY_V1 } from './llamafactory-v1.js';
import { MS_SWIFT } from './ms-swift.js';
import { NECTAR } from './nectar.js';
import { NEMO } from './nemo.js';
import { OPENAI } from './openai.js';
import { SHAREGPT } from './sharegpt.js';
import { SHP } from './shp.js';
import { TRL_EXPLICIT } from './trl-explicit.js';
import { TRL_IMPLICIT } from './trl-implicit.js';

export type { Form, FormOptions, Places } from './form.js';

/** The forms preference files come in. */
export const FORMS = {
  'trl-explicit': TRL_EXPLICIT,
  'trl-implicit': TRL_IMPLICIT,
  sharegpt: SHAREGPT,
  alpaca: ALPACA,
  'llamafactory-v1': LLAMAFACTORY_V1,
  openai: OPENAI,
  ranked: RANKED,
  scored: SCORED,
  'ms-swift': MS_SWIFT,
  nemo: NEMO,
  helpsteer3: HELPSTEER3,
  nectar: NECTAR,
  'chatbot-arena': CHATBOT_ARENA,
  shp: SHP,
} as const satisfies Readonly<Record<string, Form>>;
export type DatasetForm = keyof typeof FORMS;

export const datasetForms = Object.keys(FORMS) as readonly DatasetForm[];

/** What each form looks like, for messages to people. */
export const formDescriptions = Object.fromEntries(Object.entries(FORMS).map(([name, { description }]) => [name, description])) as Readonly<
  Record<DatasetForm, string>
>;

/** What says that a file has other names for its fields: a flag, and an option of run configs. */
export const COLUMNS_HINT = '--columns prompt=…,chosen=…,rejected=… (plan.columns of a run config)';

/** What to do about a row of no form. */
export const NO_FORM_ADVICE = `say which field is which: ${COLUMNS_HINT}; or use one of: ${Object.values(formDescriptions).join('; ')}`;

/** Those that only one form has come first, those of published sets where nothing else can be meant. */
const DETECTED: readonly DatasetForm[] = [
  'sharegpt',
  'llamafactory-v1',
  'openai',
  'alpaca',
  'trl-implicit',
  'ranked',
  'nemo',
  'scored',
  'nectar',
  'trl-explicit',
  'ms-swift',
  'helpsteer3',
  'chatbot-arena',
  'shp',
];

/** Forms that no row with a field `chosen` or `rejected` has, as sets are published. */
const WITHOUT_SIDES: readonly DatasetForm[] = ['ms-swift', 'nemo', 'helpsteer3', 'nectar', 'chatbot-arena', 'shp'];

/** The columns that some form may use, and the one that says where a pair comes from. */
export const FORM_COLUMNS: readonly string[] = [...new Set([...datasetForms.flatMap((name) => FORMS[name].columns), 'source'])];

/** Those of a table with columns `chosen` and `rejected`: what others hold is no reason to refuse it. */
export const SIDES_COLUMNS: readonly string[] = FORM_COLUMNS.filter((column) => {
  return column === 'source' || datasetForms.some((name) => !WITHOUT_SIDES.includes(name) && FORMS[name].columns.includes(column));
});

/** The form a row is written in, or undefined when it is none that we know. */
export function detectForm(fields: Fields): DatasetForm | undefined {
  return DETECTED.find((name) => FORMS[name].detect(fields));
}

/** Reads a row as the given form. @throws WishboneError naming file, line (or row) and field */
export function readForm(form: DatasetForm, reader: RowReader, options: FormOptions): RowPairs {
  refuseColumns(reader);
  refuseUnpaired(reader);
  return FORMS[form].read(reader, options);
}
