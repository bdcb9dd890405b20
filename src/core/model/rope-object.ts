import type { Fields } from './fields.js';

/** How a family has its RoPE; native-runner/src/model/families/rope_fields.h says the same. */
export interface RopeTraits {
  /** transformers' default of `rope_theta`. */
  readonly theta: number;
  /** Whether part of a head may turn (`partial_rotary_factor`). */
  readonly partial?: true;
  /** Kinds of scaling; `su` and, here, `yarn` are older names of `longrope`. */
  readonly longAlone?: true;
  /** What `original_max_position_embeddings` is where config.json does not give it at the top, whatever stands within. */
  readonly original?: number;
  /** Layers with a window turn by an object of their own. */
  readonly byLayer?: true;
}

export interface Sizes {
  readonly headDim: number;
  readonly maxPositions: number;
}

/** What to do where a config says something twice and differently. */
export const SAID_TWICE = 'leave one of them out, or correct it';

/**
 * Judges one RoPE: what the top of `config.json` says of it, and an object of RoPE fields.
 *
 * @param thetaField what stands for `rope_theta` at the top
 * @returns the positions that its scaling stretches the model to, 0 without
 */
export function judgeRopeObject(within: Fields | undefined, top: Fields, thetaField: string, traits: RopeTraits, sizes: Sizes): number {
  if (within?.present('rope_theta')) {
    within.notNull('rope_theta');
    within.number('rope_theta', 1, 1e15);
  } else {
    top.notNull(thetaField);
  }
  if (top.has(thetaField)) top.number(thetaField, 1, 1e15);
  refuseTwice(top, thetaField, within, 'rope_theta');

  const rotated = judgeRotated(within, top, traits, sizes);
  if (within === undefined) return 0;
  const named = within.present('rope_type') ? 'rope_type' : 'type';
  within.notNull(named);
  let kind = within.word(named, 'default');
  if (kind === 'su' && traits.longAlone) kind = 'longrope';
  if (kind === 'yarn' && traits.longAlone) kind = 'longrope';
  const known = traits.longAlone ? ['default', 'longrope'] : ['default', 'linear', 'dynamic', 'yarn', 'longrope', 'llama3'];
  if (!known.includes(kind)) {
    throw within.bad(
      'rope_type',
      `RoPE scaling ${JSON.stringify(kind)} is not supported`,
      `use a model with one of ${known.map((type) => `"${type}"`).join(', ')}`,
    );
  }
  if (kind === 'default') return 0;
  if (kind === 'linear') {
    within.number('factor', 1e-6, 1e6);
    return 0;
  }
  if (kind === 'dynamic') {
    const factor = within.number('factor', 1, 1e6);
    if (rotated < 4) throw within.bad('rope_type', 'RoPE scaling "dynamic" needs heads of 4 elements or more', 'use another model');
    return Math.trunc(factor * sizes.maxPositions);
  }
  const original = originalPositions(within, top, traits, sizes);
  if (kind === 'yarn') return judgeYarn(within, traits, sizes, original);
  if (kind === 'longrope') judgeLong(within, rotated);
  else judgeLlama3(within);
  return 0;
}

/** A value at the top and within must be the same. */
function refuseTwice(top: Fields, above: string, within: Fields | undefined, name: string): void {
  if (within?.has(name) && top.has(above) && within.any(name) !== top.any(above))
    throw within.bad(name, `"${name}" contradicts the "${above}" above it`, SAID_TWICE);
}

/** Elements of a head that turn. */
function judgeRotated(within: Fields | undefined, top: Fields, traits: RopeTraits, { headDim }: Sizes): number {
  const name = 'partial_rotary_factor';
  if (traits.partial) {
    top.notNull(name);
    within?.notNull(name);
  }
  for (const fields of [within, top]) {
    if (!fields?.has(name)) continue;
    const factor = fields.number(name, 0, 1);
    if (traits.partial) continue;
    if (factor !== 1) throw fields.bad(name, 'part of a head turns, but models of this family turn whole heads', 'use another model');
  }
  if (!traits.partial) return headDim;
  refuseTwice(top, name, within, name);
  const fields = within?.has(name) ? within : top;
  const rotated = Math.trunc(fields.number(name, 0, 1, 1) * headDim);
  if (rotated < 2 || rotated % 2 !== 0)
    throw fields.bad(name, `RoPE rotates pairs, but ${rotated} elements of a head are to turn`, 'use a model that rotates an even number');
  return rotated;
}

function originalPositions(within: Fields, top: Fields, traits: RopeTraits, { maxPositions }: Sizes): number {
  const name = 'original_max_position_embeddings';
  within.notNull(name);
  top.notNull(name);
  if (within.has(name)) within.size(name);
  if (top.has(name)) top.size(name);
  refuseTwice(top, name, within, name);
  if (traits.byLayer) {
    // transformers passes over the field at the top there.
    if (top.has(name) && !within.has(name)) throw top.bad(name, `"${name}" belongs to the object of its layers`, 'move it there');
    return within.size(name, maxPositions);
  }
  if (top.has(name)) return top.size(name);
  if (traits.original !== undefined && within.has(name) && within.size(name) !== traits.original)
    throw within.bad(
      name,
      `"${name}" counts at the top of config.json only, where it is missing and means ${traits.original}`,
      'give it there too',
    );
  return traits.original ?? within.size(name, maxPositions);
}

function judgeYarn(within: Fields, traits: RopeTraits, { maxPositions }: Sizes, original: number): number {
  // Given as null it is the ratio of the contexts.
  const ratio = within.present('factor') ? maxPositions / original : undefined;
  const factor = within.number('factor', 1, 1e6, ratio);
  within.number('beta_fast', 1e-6, 1e6, 32);
  within.number('beta_slow', 1e-6, 1e6, 1);
  const truncate = within.present('truncate') ? within.flag('truncate', false) : true;
  // transformers reads it beside the objects of layers, where no config has it.
  if (traits.byLayer && !truncate) throw within.bad('truncate', 'YaRN that does not truncate is not supported here', 'leave it out');
  within.number('mscale', 0, 1e6, 0);
  within.number('mscale_all_dim', 0, 1e6, 0);
  within.number('attention_factor', 1e-6, 1e6, 1);
  return Math.trunc(factor * original);
}

function judgeLong(within: Fields, rotated: number): void {
  for (const name of ['short_factor', 'long_factor']) {
    const list = within.any(name);
    if (!Array.isArray(list) || list.length !== rotated / 2)
      throw within.bad(name, `a list of ${rotated / 2} factors is needed, one for each frequency`, 'correct config.json');
    if (!list.every((factor) => typeof factor === 'number' && factor > 0))
      throw within.bad(name, 'a factor is not a number above 0', 'correct config.json');
  }
  within.number('factor', 1e-6, 1e6, 1);
  within.number('attention_factor', 1e-6, 1e6, 1);
}

function judgeLlama3(within: Fields): void {
  within.number('factor', 1, 1e6);
  const low = within.number('low_freq_factor', 1e-6, 1e6);
  const high = within.number('high_freq_factor', 1e-6, 1e6);
  if (high <= low) throw within.bad('high_freq_factor', 'high_freq_factor is not above low_freq_factor', 'correct the two factors');
}
