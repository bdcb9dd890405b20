import type { Command } from 'commander';
import { cacheLimit, DiskCache } from '../core/files/disk-cache.js';
import { columns, grouped } from './terminal.js';

interface Options {
  readonly clear?: boolean;
  readonly json?: boolean;
}

export function addCacheCommand(program: Command): void {
  program
    .command('cache')
    .summary('show or clear the cache')
    .description(
      'Tokens and plans are cached so that the same work is not done twice. The least recently used entries are deleted\n' +
        'above 5 GB. WISHBONE_CACHE_LIMIT sets another limit in GB (0: keep nothing), WISHBONE_CACHE another folder.',
    )
    .option('--clear', 'delete all of it, including the reference log-probabilities of earlier runs')
    .option('--json', 'print one JSON object')
    .action(cacheCommand);
}

async function cacheCommand(options: Options): Promise<void> {
  const cache = new DiskCache();
  const use = options.clear ? await cache.clear() : await cache.use();
  if (options.json) {
    const { folder } = cache;
    console.log(JSON.stringify({ folder, ...use, limit: cacheLimit(), cleared: options.clear === true }));
  } else if (options.clear) {
    console.log(`removed ${grouped(use.entries)} entries, ${megabytes(use.bytes)}, from ${cache.folder}`);
  } else {
    console.log(
      columns([
        ['folder', cache.folder],
        ['entries', grouped(use.entries)],
        ['size', `${megabytes(use.bytes)} of ${megabytes(cacheLimit())}`],
      ]),
    );
  }
}

function megabytes(bytes: number): string {
  return `${grouped(Math.round(bytes / 1e6))} MB`;
}
