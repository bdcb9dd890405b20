export { CONFIG_SUFFIX, CONFIG_VERSION, type Sections, SECTIONS, SYNONYMS, TOP_FIELDS } from './fields.js';
export type { ConfigProblem } from './problems.js';
export {
  type ConfigFile,
  configProblems,
  isConfigFile,
  locating,
  parseConfigFile,
  readConfigFile,
  resolveConfig,
  type RunOptions,
} from './read.js';
export { type HalvingBlock, type SweepBlock, sweepFieldProblem } from './sweep-fields.js';
export { configSchema } from './schema.js';
export { optionTables } from './tables.js';
export { checkConfigName, configText, type ConfigSettings, sectionsOf } from './write.js';
export { changed, optionChanges, type TextChange } from './with-option.js';
