import { isDeepStrictEqual } from 'node:util';
import type { Fields } from './fields.js';
import { judgeRopeObject, type RopeTraits, SAID_TWICE, type Sizes } from './rope-object.js';

const KINDS = ['full_attention', 'sliding_attention'] as const;

/**
 * Judges what `config.json` says of RoPE: `rope_theta`, `partial_rotary_factor` and `rope_scaling` at the top, or the newer
 * `rope_parameters` with all in one, as transformers reads them.
 *
 * @returns the positions that scaling stretches the model to, 0 without
 * @throws WishboneError for what is not computed, and for what is said twice and differently
 */
export function stretchedPositions(fields: Fields, traits: RopeTraits, sizes: Sizes): number {
  const scaling = filled(fields, 'rope_scaling');
  const parameters = filled(fields, 'rope_parameters');
  return traits.byLayer ? byLayer(fields, scaling, parameters, traits, sizes) : asOne(fields, scaling, parameters, traits, sizes);
}

/** An object with something in it. */
function filled(fields: Fields, name: string): Fields | undefined {
  const object = fields.object(name);
  return object === undefined || object.names().length === 0 ? undefined : object;
}

function asOne(fields: Fields, scaling: Fields | undefined, parameters: Fields | undefined, traits: RopeTraits, sizes: Sizes): number {
  for (const [name, object] of [
    ['rope_scaling', scaling],
    ['rope_parameters', parameters],
  ] as const) {
    if (object !== undefined && KINDS.some((kind) => object.present(kind)))
      throw fields.bad(
        name,
        `"${name}" has parts for kinds of layers, but all layers of this family turn alike`,
        'give one object for all',
      );
  }
  if (scaling !== undefined && parameters !== undefined) {
    const theta = fields.any('rope_theta') ?? traits.theta;
    const one = { rope_theta: theta, ...said(scaling) };
    const other = { rope_theta: theta, ...said(parameters) };
    refuseDifference(fields, one, other, Object.keys({ ...one, ...other }));
  }
  return judgeRopeObject(scaling ?? parameters, fields, 'rope_theta', traits, sizes);
}

function byLayer(fields: Fields, scaling: Fields | undefined, parameters: Fields | undefined, traits: RopeTraits, sizes: Sizes): number {
  if (parameters?.names().some((name) => !KINDS.includes(name as 'full_attention')))
    throw fields.bad(
      'rope_parameters',
      '"rope_parameters" must have an object for each kind of layer, and nothing else',
      'give "full_attention" and "sliding_attention"',
    );
  if (scaling !== undefined && KINDS.some((kind) => scaling.present(kind)))
    throw fields.bad('rope_scaling', '"rope_scaling" has parts for kinds of layers', 'move them to "rope_parameters"');
  // It is laid over an object that has a kind by its newer name.
  if (scaling?.has('type') && !scaling.has('rope_type') && parameters === undefined)
    throw scaling.bad('type', 'the older name "type" counts for nothing in this family', 'call it "rope_type"');
  const full = parameters?.object('full_attention');
  if (scaling !== undefined && parameters !== undefined) {
    const one = said(scaling);
    refuseDifference(fields, one, full === undefined ? {} : said(full), Object.keys(one));
  }
  const stretched = judgeRopeObject(full ?? scaling, fields, 'rope_theta', traits, sizes);
  return Math.max(stretched, judgeRopeObject(parameters?.object('sliding_attention'), fields, 'rope_local_base_freq', traits, sizes));
}

/** Without nulls, the kind by its newer name. */
function said(object: Fields): Record<string, unknown> {
  const entries = object.names().flatMap((name) => (name === 'type' || !object.has(name) ? [] : [[name, object.any(name)] as const]));
  return { ...Object.fromEntries(entries), rope_type: object.any('rope_type') ?? object.any('type') ?? 'default' };
}

function refuseDifference(
  fields: Fields,
  scaling: Readonly<Record<string, unknown>>,
  parameters: Readonly<Record<string, unknown>>,
  names: readonly string[],
): void {
  const name = [...names].sort().find((key) => !isDeepStrictEqual(scaling[key], parameters[key]));
  if (name !== undefined)
    throw fields.bad('rope_scaling', `"rope_scaling" and "rope_parameters" contradict each other in "${name}"`, SAID_TWICE);
}
