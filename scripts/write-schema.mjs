// Writes the JSON schema of `*.wishbone.json`, and the tables of docs/run-config.md, from the rules that Wishbone reads such
// files by: `npm run schema`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { configSchema, optionTables } from '../src/core/config-file/index.ts';

const root = resolve(import.meta.dirname, '..');
writeFileSync(join(root, 'media/run-config.schema.json'), `${JSON.stringify(configSchema(), undefined, 2)}\n`);

const docs = join(root, 'docs/run-config.md');
const tables = /(<!-- options[^\n]*-->\n)[^]*(\n<!-- end -->)/;
writeFileSync(docs, readFileSync(docs, 'utf8').replace(tables, (_, begin, end) => `${begin}\n${optionTables()}\n${end}`));
