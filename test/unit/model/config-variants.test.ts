// What transformers makes of every optional field of config.json (scripts/fixtures/hf_config_variants.py) against what the inspection
// makes of it. The runner's side, with the logits, is native-runner/test/pretrained/config_variants_test.cpp; both read the same messages.
//
//   UPDATE_REFUSALS=1 node --import tsx --test test/unit/model/config-variants.test.ts     writes these anew

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { inspectModel } from '../../../src/core/model/index.js';

interface Variant {
  readonly name: string;
  readonly set: Readonly<Record<string, unknown>>;
  readonly remove: readonly string[];
  readonly weights?: string;
  /** Place in the table of tensors. */
  readonly tensors?: number;
  /** Place in the table of logits, where transformers computes some. */
  readonly logits?: number;
  readonly refused?: string;
}

interface Variants {
  readonly tensors: readonly Readonly<Record<string, readonly number[]>>[];
  readonly families: readonly {
    readonly family: string;
    readonly base: Readonly<Record<string, unknown>>;
    readonly variants: readonly Variant[];
  }[];
}

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/hf-configs');
const all = JSON.parse(readFileSync(path.join(fixtures, 'variants.json'), 'utf8')) as Variants;
const refusalsFile = path.join(fixtures, 'refusals.json');
type Message = readonly [what: string, where: string, advice: string];

/** What is refused here though transformers computes something, by what the message says. */
const refusedHere: readonly RegExp[] = [
  // Said twice and differently, or passed over in silence there.
  /contradict/,
  /belongs to the object of its layers/,
  /counts at the top of config\.json only/,
  /has parts for kinds of layers/,
  /must have an object for each kind of layer/,
  /layer_types says otherwise/,
  /layers have a sliding window, but none is given/,
  /ties the head to the embedding, but the weights hold another head/,
  /models of this family turn whole heads/,
  /attention in both directions/,
  // Not built.
  /the activation "(gelu|gelu_new|relu)" is not supported/,
  /architecture is not supported/,
  /YaRN that does not truncate/,
  /the model reads more than text/,
  // Left to defaults of thousands.
  /"(hidden_size|num_attention_heads)" is missing/,
  // One factor that is taken for all frequencies, and a kind of scaling that is passed over where another stands beside it.
  /a list of \d factors is needed/,
  /the older name "type" counts for nothing/,
  /attention scores are not capped in this family/,
  // Tensors of the base model alone, under names without "model.".
  /"model\.embed_tokens\.weight" is missing/,
];

/** What is taken here though transformers refuses it: nothing in it leaves a doubt about the computation. */
const takenHere: readonly RegExp[] = [
  // A whole number where it wants one with a point.
  /: rms_norm_eps (0|1)$/,
  // Fields that training does not read.
  /: (use_cache|attention_dropout|auto_map) null$/,
  // It fails over the presence of a list, though this one says what the family does anyway.
  /^mistral: (layer_types |.*layers |.*with layer_types)/,
  // `su` was the name of `longrope`.
  /^phi3: rope_(scaling|parameters) su, original above$/,
];

async function messageOf(folder: string, config: object): Promise<Message | undefined> {
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
  try {
    await inspectModel(folder, { tokenizer: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const where = error.where.replace(`${folder}/`, '').replace(/, (field|tensor) "(.*)"$/, ': $2');
    return [error.what, where, error.advice];
  }
}

/** A safetensors file of zeros. */
function zeros(shapes: Readonly<Record<string, readonly number[]>>, kind: string): Buffer {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const begin = end;
      end += 4 * shape.reduce((product, size) => product * size, 1);
      return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const data = Buffer.alloc(end);
  if (kind === 'both different') data.writeFloatLE(1, header['lm_head.weight']!.data_offsets[0]!);
  return Buffer.concat([size, text, data]);
}

test('every variant is judged as transformers does, or refused for a reason, in the words of the runner', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-variants-'));
  t.after(() => rm(folder, { recursive: true }));
  const found: Record<string, Message> = {};
  const wrong: string[] = [];
  for (const { family, base, variants } of all.families) {
    let written = '';
    for (const { name, set, remove, weights = 'own', tensors = variants[0]!.tensors!, logits } of variants) {
      const kind = `${tensors} ${weights}`;
      if (kind !== written) await writeFile(path.join(folder, 'model.safetensors'), zeros(all.tensors[tensors]!, weights));
      written = kind;
      const config = { ...Object.fromEntries(Object.entries(base).filter(([field]) => !remove.includes(field))), ...set };
      const message = await messageOf(folder, config);
      if (message !== undefined) found[`${family}: ${name}`] = message;
      if (message !== undefined && logits !== undefined && !refusedHere.some((reason) => reason.test(message[0])))
        wrong.push(`${family}: ${name}: refused: ${message.join(' | ')}`);
      if (message === undefined && logits === undefined && !takenHere.some((reason) => reason.test(`${family}: ${name}`)))
        wrong.push(`${family}: ${name}: taken`);
    }
  }
  assert.deepEqual(wrong, []);
  if (process.env['UPDATE_REFUSALS']) {
    const lines = Object.entries(found).map(([name, message]) => `${JSON.stringify(name)}: ${JSON.stringify(message)}`);
    await writeFile(refusalsFile, `{\n${lines.join(',\n')}\n}\n`);
  }
  assert.deepEqual(found, JSON.parse(readFileSync(refusalsFile, 'utf8')));
});
