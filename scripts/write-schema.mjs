// Writes the JSON schema of `*.wishbone.json` from the rules that Wishbone reads such files by: `npm run schema`.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { configSchema } from '../src/core/config-file/index.ts';

const file = join(resolve(import.meta.dirname, '..'), 'media/run-config.schema.json');
writeFileSync(file, `${JSON.stringify(configSchema(), undefined, 2)}\n`);
