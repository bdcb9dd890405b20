import { LOSS_TYPES, LOSSES, type OptionPath, OPTIONS, type Options, type Rule, type SectionName } from '../options/index.js';
import { CONFIG_VERSION, defaultOf, SECTIONS, SYNONYMS, TOP_FIELDS } from './fields.js';

/** A JSON schema, draft 7, with VS Code's additions for hovers and snippets. */
export type Schema = Readonly<Record<string, unknown>>;

/**
 * The JSON schema of `*.wishbone.json`, made from the rows that a run config is read by (fields.ts, options), so
 * that the two say the same. `npm run schema` writes it to media/run-config.schema.json.
 */
export function configSchema(): Schema {
  const top = Object.entries(TOP_FIELDS).map(([name, field]): [string, Schema] => {
    const schema = { ...ofRule(field.rule), ...hover(field.help) };
    return [name, 'inside' in field ? withHovers(schema, field.inside) : schema];
  });
  const sections = Object.entries(SECTIONS).map(([section, about]) => {
    const options: [string, Schema][] = Object.entries(OPTIONS[section as SectionName] as Options).map(([name, { rule, help }]) => [
      name,
      { ...ofRule(rule), default: defaultOf(`${section}.${name}` as OptionPath), ...hover(help) },
    ]);
    for (const [theirs, ours] of Object.entries(SYNONYMS)) {
      const [group, name] = theirs.split('.') as [string, string];
      const same = options.find(([option]) => `${group}.${option}` === ours)?.[1];
      if (group === section) options.push([name, { ...same, ...hover(`TRL's name of ${ours.split('.')[1]}`) }]);
    }
    return [section, { type: 'object', additionalProperties: false, properties: Object.fromEntries(options), ...hover(about) }];
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: `Wishbone run config, version ${CONFIG_VERSION}`,
    description: 'What `wishbone train` trains, with what, and how (docs/run-config.md).',
    type: 'object',
    additionalProperties: false,
    required: ['version'],
    properties: Object.fromEntries([...top, ...sections]) as Schema,
    defaultSnippets: [
      {
        label: 'A new run config',
        description: 'Model, dataset, and the options most often changed',
        body: {
          version: CONFIG_VERSION,
          model: '${1:path/to/model}',
          dataset: '${2:pairs.jsonl}',
          plan: { epochs: '^${3:1}', batch_size: '^${4:32}', max_length: '^${5:1024}' },
          training: { loss_type: '${6:sigmoid}', beta: '^${7:0.1}' },
        },
      },
    ],
    allowComments: true,
    allowTrailingCommas: true,
  };
}

/** The same, with what each of an object's fields is for. */
function withHovers(schema: Schema, inside: Readonly<Record<string, string>>): Schema {
  const properties = schema['properties'] as Readonly<Record<string, Schema>>;
  const hovered = Object.entries(properties).map(([name, field]) => [name, { ...field, ...hover(inside[name] ?? '') }]);
  return { ...schema, properties: Object.fromEntries(hovered) as Schema };
}

function hover(text: string): Schema {
  return { description: text };
}

function ofRule(rule: Rule): Schema {
  switch (rule.kind) {
    case 'choice': {
      const isLoss = rule.choices === LOSS_TYPES;
      return { enum: rule.choices, ...(isLoss ? { enumDescriptions: LOSS_TYPES.map((loss) => LOSSES[loss].help) } : {}) };
    }
    case 'string':
      // Paths are absolute where they are used; in this file relative ones count from its folder.
      return { type: 'string' };
    case 'flag':
      return { type: 'boolean' };
    case 'list': {
      const items = ofRule(rule.item);
      const list = { type: 'array', items, ...(rule.orItem ? { minItems: 1 } : {}) };
      return rule.orItem ? { anyOf: [items, list] } : list;
    }
    case 'map':
      return { type: 'object', additionalProperties: ofRule(rule.item) };
    case 'object': {
      const required = Object.entries(rule.fields).filter(([, field]) => !field.optional && field.absent === undefined);
      return {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(Object.entries(rule.fields).map(([name, field]) => [name, ofRule(field)])),
        ...(required.length > 0 ? { required: required.map(([name]) => name) } : {}),
      };
    }
    default: {
      const { kind, min, max, open, orAuto, orList } = rule;
      const number = {
        type: kind,
        [open === 'min' || open === 'both' ? 'exclusiveMinimum' : 'minimum']: min,
        [open === 'max' || open === 'both' ? 'exclusiveMaximum' : 'maximum']: max,
      };
      const list = orList && {
        type: 'array',
        items: { type: 'integer', minimum: orList.min, maximum: orList.max },
        minItems: 1,
        maxItems: orList.most,
        uniqueItems: true,
      };
      const any = [...(orAuto ? [{ const: 'auto' }] : []), number, ...(list ? [list] : [])];
      return any.length > 1 ? { anyOf: any } : number;
    }
  }
}
