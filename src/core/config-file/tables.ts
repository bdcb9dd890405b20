import { type OptionPath, OPTIONS, type Options, type Rule, type SectionName } from '../options/index.js';
import { defaultOf, SECTIONS, SYNONYMS } from './fields.js';

/**
 * The options of each section as Markdown tables, from the same rows as the schema. `npm run schema` writes them into
 * docs/run-config.md.
 */
export function optionTables(): string {
  const tables = Object.entries(SECTIONS).map(([section, about]) => {
    const rows = Object.entries(OPTIONS[section as SectionName] as Options).map(([name, { rule, help, path, byModel }]) => {
      const option = `${section}.${name}` as OptionPath;
      const theirs = Object.entries(SYNONYMS).find(([, ours]) => ours === option)?.[0];
      const named = `\`${name}\`${theirs === undefined ? '' : ` (or \`${theirs.split('.')[1]}\`)`}`;
      return [named, byModel ?? code(defaultOf(option)), path === undefined ? values(rule) : 'path', help];
    });
    const lines = [['option', 'default', 'values', 'meaning'], ['---', '---', '---', '---'], ...rows];
    const cells = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    return [`### \`${section}\`: ${about}`, '', ...lines.map(cells)].join('\n');
  });
  return tables.join('\n\n');
}

const code = (value: unknown): string => (value === undefined || value === '' ? '' : `\`${JSON.stringify(value)}\``);

function values(rule: Rule): string {
  switch (rule.kind) {
    case 'choice':
      return rule.choices.map((choice) => `\`${choice}\``).join(', ');
    case 'flag':
      return '`true`, `false`';
    case 'string':
      return rule.expected ?? 'text';
    case 'list':
      return rule.orItem ? `one or a list of ${values(rule.item)}` : `list of ${values(rule.item)}`;
    case 'map':
      return `object, each value ${values(rule.item)}`;
    case 'object':
      return `objects with ${Object.entries(rule.fields)
        .map(([name, field]) => `\`${name}\` (${values(field)})`)
        .join(', ')}`;
    default: {
      const { kind, min, max, open, orAuto, orList } = rule;
      const low = open === 'min' || open === 'both' ? `above ${min}` : `${min}`;
      const high = open === 'max' || open === 'both' ? `below ${max}` : `${max}`;
      const what = `${orAuto ? '`auto` or ' : ''}${kind === 'integer' ? 'whole number' : 'number'}`;
      // A bound that nobody meets would only be noise.
      if (orList) return `${what}, ${low} to ${high}, or a list of numbers from ${orList.min} to ${orList.max}`;
      return max < 1e9 ? `${what}, ${low} to ${high}` : min > -1e9 ? `${what}, ${/^above/.test(low) ? low : `from ${low}`}` : what;
    }
  }
}
