// The stand-in hub of the tests with one model of large files, until its standard input ends. Prints its address.
// Arguments: files, MiB of each, bytes a second of each connection (0: as fast as it goes).
import { randomFillSync } from 'node:crypto';
import { standInHub } from '../../test/support/stand-in-hub.ts';

const [files, mebibytes, speed] = process.argv.slice(2).map(Number);
const weights = Object.fromEntries(
  Array.from({ length: files }, (_, i) => {
    const number = (n) => String(n).padStart(5, '0');
    return [`model-${number(i + 1)}-of-${number(files)}.safetensors`, randomFillSync(Buffer.allocUnsafe(mebibytes * 2 ** 20))];
  }),
);
const index = JSON.stringify({ weight_map: Object.fromEntries(Object.keys(weights).map((name, i) => [`w${i}`, name])) });
const small = { 'config.json': '{}', 'tokenizer.json': '{}', 'tokenizer_config.json': '{}', 'model.safetensors.index.json': index };
const hub = await standInHub([{ kind: 'model', name: 'bench/model', files: { ...small, ...weights } }]);
if (speed > 0) hub.faults.speed = speed;
console.log(hub.endpoint);
process.stdin.resume().on('end', () => process.exit());
