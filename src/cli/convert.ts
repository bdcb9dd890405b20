import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { SHARED_FILE, writeFileAtomically } from '../core/files/atomic-file.js';
import { checkConfigName } from '../core/config-file/index.js';
import { convertConfig, convertedName, noteText, type ConversionNote, type Source, SOURCES } from '../core/convert/index.js';
import { ExitCode, WishboneError } from '../core/errors.js';
import { mostBytes, readWrittenText } from '../core/files/plain-file.js';
import { count } from './options.js';

interface Options {
  readonly out?: string;
  readonly devices: number;
  readonly from?: Source;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addConvertCommand(program: Command): void {
  program
    .command('convert')
    .summary('convert a TRL or LLaMA-Factory YAML to a run config')
    .description(
      'Reads a training config of TRL (DPO, ORPO, CPO), SimPO or LLaMA-Factory (stage: dpo), writes a *.wishbone.json, and\n' +
        'lists what could not be carried over. The trainer is recognised by the settings.',
    )
    .argument('<yaml>', 'training config: settings of the trainer and of its script')
    .option('-o, --out <file>', 'file to write (default: the same name with .wishbone.json)')
    .option('--devices <number>', 'number of devices the YAML was written for; its batch size is per device', count, 1)
    .addOption(new Option('--from <trainer>', 'trainer the YAML is for (default: recognised from the file)').choices(SOURCES))
    .option('--force', 'overwrite an existing file')
    .option('--json', 'print one JSON object')
    .action(convertCommand);
}

async function convertCommand(argument: string, options: Options): Promise<void> {
  const file = path.resolve(argument);
  const out = path.resolve(options.out ?? convertedName(file));
  checkConfigName(out);
  const text = await readWrittenText(file, mostBytes.settings).catch((error: NodeJS.ErrnoException | WishboneError) => {
    if (error instanceof WishboneError) throw error;
    const what = error.code === 'ENOENT' ? 'no such file' : `cannot be read (${error.message})`;
    throw new WishboneError(what, file, 'check the path and your read permission');
  });
  const converted = convertConfig(text, file, out, { devices: options.devices, from: options.from });
  if (!options.force && existsSync(out)) {
    throw new WishboneError(
      'a file with this name already exists',
      out,
      'add --force, or choose another name with --out',
      ExitCode.cannotWrite,
    );
  }
  await writeFileAtomically(out, async (handle) => void (await handle.writeFile(converted.text)), SHARED_FILE);
  const { from, carried, notes } = converted;
  if (options.json) {
    console.log(JSON.stringify({ out, from, carried, notes }));
    return;
  }
  const lines = [`${carried} settings of ${path.basename(file)} (${from}) carried over unchanged`];
  const titles: readonly (readonly [ConversionNote['kind'], string])[] = [
    ['assumed', 'assumed:'],
    ['changed', 'carried over with a difference:'],
    ['lost', 'not carried over:'],
    ['needless', 'not needed here:'],
  ];
  for (const [kind, title] of titles) {
    const some = notes.filter((note) => note.kind === kind);
    if (some.length > 0) lines.push(title, ...some.map((note) => `  ${noteText(note)}`));
  }
  console.log([...lines, `written to ${out}`].join('\n'));
}
