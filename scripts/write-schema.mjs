// Writes what is made from the options of a run (src/core/options): the JSON schema of `*.wishbone.json`, the tables of
// docs/run-config.md, and the rules that the runner's own are held against. `npm run schema`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { configSchema, optionTables } from '../src/core/config-file/index.ts';
import { ruleTable } from '../src/core/options/index.ts';

const root = resolve(import.meta.dirname, '..');
writeFileSync(join(root, 'media/run-config.schema.json'), `${JSON.stringify(configSchema(), undefined, 2)}\n`);

writeFileSync(join(root, 'native-runner/test/options.json'), `${JSON.stringify(ruleTable(), undefined, 2)}\n`);

const docs = join(root, 'docs/run-config.md');
const tables = /(<!-- options[^\n]*-->\n)[^]*(\n<!-- end -->)/;
writeFileSync(
  docs,
  readFileSync(docs, 'utf8').replace(tables, (_, begin, end) => `${begin}\n${optionTables()}\n${end}`),
);
