import path from 'node:path';
import { homeFolder } from '../../files/home-folder.js';
import { WishboneError } from '../../errors.js';
import { mostBytes, readPlain } from '../../files/plain-file.js';
import { readSafetensorsHeader } from '../../files/safetensors.js';
import { firstBytes, type PushedFile } from './files.js';

/** Files of nothing but vocabulary: what looks like a folder in them is a token. */
const VOCABULARY = /^(tokenizer\.json|vocab\.(json|txt)|merges\.txt|tokenizer\.model.*)$/;
/** Files whose weights are not text; a safetensors file begins with some. */
const BINARY = /\.(safetensors|gguf|bin|model)$/;
/** Folders of people, on any system. */
const OF_PEOPLE = /(?:\/home\/|\/Users\/|[A-Za-z]:\\{1,2}Users\\{1,2})[\w.-]+[/\\][^\s"'`<>]*/;

/** What would tell of somebody's machine. */
export interface Personal {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/**
 * Looks through what is to be uploaded for names of folders: those given and the home folder, whatever stands behind them, and any in
 * `/home`, `/Users` and `C:\Users`.
 *
 * @param folders absolute paths
 * @throws WishboneError naming the file, the line and the path
 */
export async function refusePersonal(files: readonly PushedFile[], folders: readonly string[]): Promise<void> {
  // A path of one part (`/data`) says nothing of anybody, and may stand anywhere; of the home folder (`/root`), what is in it does.
  const isTelling = (folder: string): boolean => path.isAbsolute(folder) && folder.split(path.sep).filter(Boolean).length > 1;
  const home = homeFolder();
  const own = [...new Set([...(path.dirname(home) === home ? [] : [`${home}${path.sep}`]), ...folders.filter(isTelling)])];
  for (const file of files) {
    const found = await personalIn(file, own);
    if (found === undefined) continue;
    throw new WishboneError(
      `the file names a folder of this machine: ${found.text}`,
      `${found.file}, line ${found.line}`,
      'replace it with a name that others know, then upload again',
    );
  }
}

async function personalIn(pushed: PushedFile, own: readonly string[]): Promise<Personal | undefined> {
  const name = path.posix.basename(pushed.path);
  if (name.endsWith('.gguf')) return inGguf(pushed, own);
  if (BINARY.test(name) && !name.endsWith('.safetensors')) return undefined;
  const text = name.endsWith('.safetensors')
    ? await headerOf(pushed)
    : (await readPlain(pushed.file, mostBytes.tokenizer)).toString('utf8');
  const plain = text.replaceAll('\\/', '/');
  const found = own.map((folder) => plain.indexOf(folder)).filter((at) => at >= 0 && isPath(plain, at));
  const people = VOCABULARY.test(name) ? undefined : OF_PEOPLE.exec(plain)?.index;
  const at = Math.min(...found, people ?? Infinity);
  if (at === Infinity) return undefined;
  const [shown = ''] = /^[^\s"'`<>]*/.exec(plain.slice(at, at + 200)) ?? [];
  return { file: pushed.file, line: plain.slice(0, at).split('\n').length, text: shown };
}

/** Bytes of a GGUF file in which its metadata are; those of the largest vocabularies have 20 MB. */
const MOST_METADATA = 64 << 20;

/** Metadata are texts among numbers, vocabulary among them, in which what looks like a folder may be a token. */
async function inGguf(pushed: PushedFile, own: readonly string[]): Promise<Personal | undefined> {
  const bytes = await firstBytes(pushed, MOST_METADATA);
  for (const folder of own) {
    const at = bytes.indexOf(folder);
    if (at < 0) continue;
    const [shown = ''] = /^[^\s"'`<>\0]*/.exec(bytes.toString('utf8', at, at + 200)) ?? [];
    return { file: pushed.file, line: 1, text: shown };
  }
  return undefined;
}

/** Whether a path begins there, and not in the middle of another word. */
const isPath = (text: string, at: number): boolean => at === 0 || !/[\w.]/.test(text[at - 1]!);

/** What is text in a safetensors file. @throws WishboneError when it is none */
async function headerOf({ file }: PushedFile): Promise<string> {
  const { metadata, tensors } = await readSafetensorsHeader(file);
  return [...Object.entries(metadata).flat(), ...tensors.keys()].join(' ');
}
