import { WishboneError } from '../errors.js';
import { get, type Network, readText, type Refusal } from '../download/index.js';

/** The distribution on PyPI that has cuBLASLt of CUDA 13. */
const PACKAGE = 'nvidia-cublas';
export const DEFAULT_INDEX = 'https://pypi.org/simple/';
/** The one that is taken where the index has it: of CUDA 13.1, tried with every driver for CUDA 13. */
const PREFERRED = '13.1.0.3';
const MAJOR = 13;
const CHECK_ADDRESS = 'check the address of the index (wishbone.gpu.indexUrl, --index-url)';
const MOST_CHARACTERS = 20_000_000;

/** A wheel that an index offers. */
export interface Wheel {
  readonly file: string;
  readonly version: string;
  readonly url: string;
  /** Bytes; undefined when the index does not say. */
  readonly size: number | undefined;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/**
 * Looks up which wheel to fetch.
 *
 * @param index address of a package index: the JSON of PEP 691, or HTML of PEP 503 as older mirrors have it
 * @param machine as Python calls it, such as `x86_64`
 * @throws WishboneError when it has none that fits; ConnectionError
 */
export async function findWheel(index: string, machine: string, network: Network, signal?: AbortSignal): Promise<Wheel> {
  const page = `${index.replace(/\/*$/, '/')}${PACKAGE}/`;
  const accept = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';
  const refuse = ({ status, statusText, url }: Refusal): Error =>
    new WishboneError(`the server answered ${status} ${statusText}`.trim(), url.href, CHECK_ADDRESS);
  const response = await get(page, { headers: { Accept: accept }, refuse }, network, signal);
  const text = await readText(response, MOST_CHARACTERS, page);
  const base = page;
  const offered = /json/.test(response.headers['content-type'] ?? '') ? fromJson(text, base, page) : fromHtml(text, base);
  const wheel = choose(offered, machine);
  if (wheel !== undefined) return wheel;
  throw new WishboneError(`the index has no ${PACKAGE} ${MAJOR} for Linux on ${machine}`, page, CHECK_ADDRESS);
}

/** Of what an index offers: the preferred version, else the newest of the right major version. */
export function choose(offered: readonly Wheel[], machine: string): Wheel | undefined {
  const fits = offered
    .filter(
      ({ file, version }) =>
        file.endsWith('.whl') &&
        new RegExp(`linux\\w*_${machine}\\.whl$`).test(file) &&
        /^[\d.]+$/.test(version) &&
        Number.parseInt(version, 10) === MAJOR,
    )
    .sort((a, b) => compareVersions(b.version, a.version));
  return fits.find(({ version }) => version === PREFERRED) ?? fits[0];
}

function fromJson(text: string, base: string, page: string): Wheel[] {
  let files: unknown;
  try {
    ({ files } = JSON.parse(text) as { files?: unknown });
  } catch {
    files = undefined;
  }
  if (!Array.isArray(files))
    throw new WishboneError('the answer of the index is not a list of files', page, 'check the address of the index');
  return files.flatMap((entry: unknown): Wheel[] => {
    const { filename, url, hashes, size, yanked } = (entry ?? {}) as {
      filename?: unknown;
      url?: unknown;
      hashes?: { sha256?: unknown };
      size?: unknown;
      yanked?: unknown;
    };
    if (typeof filename !== 'string' || typeof url !== 'string' || (yanked !== undefined && yanked !== false)) return [];
    return wheelOf(filename, new URL(url, base).href, hashes?.sha256, typeof size === 'number' ? size : undefined);
  });
}

/** Anchors with the hash as the address's fragment; those that were withdrawn have `data-yanked`. */
function fromHtml(text: string, base: string): Wheel[] {
  return [...text.matchAll(/<a\b([^>]*)>([^<]*)<\/a>/gi)].flatMap(([, attributes = '', name = '']): Wheel[] => {
    const href = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes);
    if (href === null || /\bdata-yanked\b/i.test(attributes)) return [];
    const url = new URL((href[1] ?? href[2] ?? '').replaceAll('&amp;', '&'), base);
    const sha256 = /^#sha256=(.*)$/.exec(url.hash)?.[1];
    url.hash = '';
    return wheelOf(name.trim(), url.href, sha256, undefined);
  });
}

/** Nothing without a hash: what cannot be checked is not taken. */
function wheelOf(file: string, url: string, sha256: unknown, size: number | undefined): Wheel[] {
  const version = /^[^-]+-([^-]+)-/.exec(file)?.[1];
  if (version === undefined || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256)) return [];
  return [{ file, version, url, size, sha256: sha256.toLowerCase() }];
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
