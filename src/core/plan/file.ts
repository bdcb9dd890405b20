import { WishboneError } from '../errors.js';
import { optionProblem } from '../options/index.js';
import { readSafetensors, readSafetensorsHeader, writeSafetensors, type Tensor } from '../files/safetensors.js';
import { checkPlan } from './check.js';
import { TENSOR_NAMES, type Plan, type PlanArrays, type PlanMetadata } from './plan.js';

const arrayNames = Object.keys(TENSOR_NAMES) as (keyof PlanArrays)[];

/**
 * Checks a plan and writes it.
 *
 * @throws WishboneError (exit code 5) when it cannot be written; nothing is left behind then
 */
export async function writePlan(file: string, plan: Plan): Promise<void> {
  checkPlan(plan, file);
  const tensors = new Map<string, Tensor>();
  for (const name of arrayNames) {
    const data = plan[name];
    tensors.set(TENSOR_NAMES[name], { dtype: data instanceof Float64Array ? 'F64' : 'I32', shape: [data.length], data });
  }
  const { pairSource } = plan;
  if (pairSource) tensors.set('pair_source', { dtype: 'I32', shape: [pairSource.length], data: pairSource });
  await writeSafetensors(file, { metadata: { wishbone: JSON.stringify(plan.metadata) }, tensors });
}

/**
 * Reads a plan and checks every invariant of docs/formats.md.
 *
 * @throws WishboneError naming the file and the tensor
 */
export async function readPlan(file: string): Promise<Plan> {
  const { metadata, tensors } = await readSafetensors(file);
  const parsed = parseMetadata(metadata['wishbone'], file);
  const arrays: Partial<Record<keyof PlanArrays, Tensor['data']>> = {};
  for (const name of arrayNames) {
    const tensor = tensors.get(TENSOR_NAMES[name]);
    const dtype = name === 'binFlops' ? 'F64' : 'I32';
    if (tensor?.dtype !== dtype || tensor.shape.length !== 1) {
      throw new WishboneError(
        tensor === undefined ? 'the plan lacks a tensor' : `the tensor is not ${dtype} of rank 1`,
        `${file}, tensor "${TENSOR_NAMES[name]}"`,
        PLAN_AGAIN,
      );
    }
    arrays[name] = tensor.data;
  }
  const pairSource = tensors.get('pair_source')?.data;
  const plan = {
    metadata: parsed,
    ...(arrays as unknown as PlanArrays),
    ...(pairSource instanceof Int32Array ? { pairSource } : {}),
  };
  checkPlan(plan, file);
  return plan;
}

/** What a plan says of its pairs, without their tokens. */
export type PlanPairs = Pick<Plan, 'metadata' | 'stepPairStart' | 'pairChosen' | 'pairRejected' | 'pairRow' | 'pairSource'> & {
  /** [Q] key of each sequence's content */
  readonly sequenceReference: Int32Array;
  /** [Q] targets of each sequence: the tokens of its response */
  readonly responseTokens: Int32Array;
};

/**
 * Reads what a plan was made with, and how many steps it has: its header alone.
 *
 * @throws WishboneError naming the file
 */
export async function readPlanFacts(file: string): Promise<{ readonly metadata: PlanMetadata; readonly steps: number }> {
  const { metadata, tensors } = await readSafetensorsHeader(file);
  const parsed = parseMetadata(metadata['wishbone'], file);
  return { metadata: parsed, steps: (tensors.get(TENSOR_NAMES.stepBinStart)?.elements ?? 1) - 1 };
}

/**
 * Reads what a plan says of its pairs, a small part of it, and checks that.
 *
 * @throws WishboneError naming the file and the tensor
 */
export async function readPlanPairs(file: string): Promise<PlanPairs> {
  const { metadata, tensors } = await readSafetensors(
    file,
    new Set(['step_pair_start', 'pair_chosen', 'pair_rejected', 'pair_row', 'pair_source', 'sequence_reference', 'target_sequence']),
  );
  const parsed = parseMetadata(metadata['wishbone'], file);
  const tensor = (name: string): Int32Array => {
    const found = tensors.get(name);
    if (found?.data instanceof Int32Array && found.shape.length === 1) return found.data;
    throw new WishboneError('the plan lacks a tensor, or it is not I32 of rank 1', `${file}, tensor "${name}"`, PLAN_AGAIN);
  };
  const within = (name: string, values: Int32Array, bound: number, length = values.length): Int32Array => {
    if (values.length === length && values.every((value) => value >= 0 && value < bound)) return values;
    throw new WishboneError('the tensor does not fit the others', `${file}, tensor "${name}"`, PLAN_AGAIN);
  };
  const sequences = tensor('sequence_reference').length;
  const sequenceReference = within('sequence_reference', tensor('sequence_reference'), sequences);
  const pairRow = within('pair_row', tensor('pair_row'), 2 ** 31);
  const pairs = pairRow.length;
  const responseTokens = new Int32Array(sequences);
  for (const sequence of within('target_sequence', tensor('target_sequence'), sequences)) responseTokens[sequence]!++;
  const sources = parsed.sources?.length;
  return {
    metadata: parsed,
    stepPairStart: within('step_pair_start', tensor('step_pair_start'), pairs + 1),
    pairChosen: within('pair_chosen', tensor('pair_chosen'), sequences, pairs),
    pairRejected: within('pair_rejected', tensor('pair_rejected'), sequences, pairs),
    pairRow,
    ...(sources === undefined ? {} : { pairSource: within('pair_source', tensor('pair_source'), sources, pairs) }),
    sequenceReference,
    responseTokens,
  };
}

type Rule = 'text' | 'whole' | 'number' | 'sharing' | { readonly [key: string]: Rule };

const WHOLE = 'whole';
const METADATA_RULES: { readonly [key in Exclude<keyof PlanMetadata, 'max_steps' | 'sources'>]: Rule } = {
  format: 'text',
  version: WHOLE,
  sharing: 'sharing',
  capacity: WHOLE,
  batch_size: WHOLE,
  epochs: 'number',
  seed: WHOLE,
  max_length: WHOLE,
  vocab_size: WHOLE,
  sha256: { dataset: 'text', tokenizer: 'text' },
  counts: { pairs: WHOLE, skipped: WHOLE, truncated: WHOLE, naive_tokens: WHOLE, plan_tokens: WHOLE },
};

const PLAN_AGAIN = 'make the plan again with `wishbone plan`; duplicating a run plans it again';

/** The version that is written, and the only one that is read. */
const PLAN_VERSION = 1;

function parseMetadata(text: string | undefined, file: string): PlanMetadata {
  const wrong = (what: string, field: string): WishboneError =>
    new WishboneError(what, `${file}, metadata "wishbone"${field === '' ? '' : `, field "${field}"`}`, PLAN_AGAIN);
  if (text === undefined) throw new WishboneError('this is not a Wishbone plan', file, 'give a file written by `wishbone plan`');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong('the metadata are not JSON', '');
  }
  const check = (value: unknown, rule: Rule, field: string): void => {
    if (typeof rule === 'object') {
      if (typeof value !== 'object' || value === null) throw wrong('must be an object', field);
      for (const [key, inner] of Object.entries(rule)) {
        check((value as Record<string, unknown>)[key], inner, field === '' ? key : `${field}.${key}`);
      }
    } else if (rule === 'whole') {
      if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong('must be a whole number', field);
    } else if (rule === 'number') {
      if (typeof value !== 'number' || !(value > 0)) throw wrong('must be a number above 0', field);
    } else if (typeof value !== 'string') {
      throw wrong('must be text', field);
    } else if (rule === 'sharing' && optionProblem('plan.sharing', value) !== undefined) {
      throw wrong('must be "none", "pair" or "tree"', field);
    }
  };
  // Format and version first: what another version holds is not for these rules to judge.
  const { format, version } = (json ?? {}) as Partial<Record<keyof PlanMetadata, unknown>>;
  if (format !== 'wishbone-plan') throw wrong('this is not a Wishbone plan', 'format');
  if (typeof version === 'number' && version !== PLAN_VERSION) {
    const whose = version < PLAN_VERSION ? 'an older version of Wishbone' : 'a newer version of Wishbone';
    throw wrong(`the plan was made by ${whose}: it is of version ${version}, not ${PLAN_VERSION}`, 'version');
  }
  check(json, METADATA_RULES, '');
  const metadata = json as PlanMetadata;
  const sources: unknown = metadata.sources ?? [];
  if (!Array.isArray(sources) || !sources.every((name) => typeof name === 'string')) {
    throw wrong('must be a list of texts', 'sources');
  }
  return metadata;
}
