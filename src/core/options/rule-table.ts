import { LOSS_TYPES, LOSSES } from './losses.js';
import type { Rule } from './rule.js';
import { OPTION_PATHS, optionRow } from './sections.js';

/**
 * All options with the rules they are read by, and all losses with their traits, as plain data: what the runner's own rules
 * are held against. `npm run schema` writes it to native-runner/test/options.json.
 */
export function ruleTable(): object {
  return {
    options: Object.fromEntries(
      OPTION_PATHS.map((option) => {
        const row = optionRow(option)!;
        const { absent } = row;
        const { rule, value } = row.decided ?? { rule: row.rule, value: row.default };
        const means = absent === undefined ? {} : { absent: absent === 'default' ? value : absent.means };
        return [option, { ...plain(rule), default: value, ...means }];
      }),
    ),
    losses: LOSS_TYPES.map((name) => {
      const { reference, labelSmoothing, divergence, weighting } = LOSSES[name];
      return { name, reference, labelSmoothing, divergence, weighting };
    }),
  };
}

function plain(rule: Rule): object {
  const { optional } = rule;
  const own = optional === true ? { optional } : {};
  switch (rule.kind) {
    case 'string':
      return { kind: rule.kind, ...own, ...(rule.pattern && { pattern: rule.pattern.source }) };
    case 'list':
      return { kind: rule.kind, ...own, ...(rule.orItem && { orItem: true }), item: plain(rule.item) };
    case 'map':
      return { kind: rule.kind, ...own, item: plain(rule.item) };
    case 'object':
      return {
        kind: rule.kind,
        ...own,
        fields: Object.fromEntries(Object.entries(rule.fields).map(([name, field]) => [name, plain(field)])),
      };
    case 'choice':
      return { kind: rule.kind, ...own, choices: rule.choices };
    case 'flag':
      return { kind: rule.kind, ...own };
    default:
      return {
        kind: rule.kind,
        ...own,
        min: rule.min,
        max: rule.max,
        ...(rule.open && { open: rule.open }),
        ...(rule.orList && { orList: rule.orList }),
      };
  }
}
