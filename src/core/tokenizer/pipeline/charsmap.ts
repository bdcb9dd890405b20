import type { Change } from '../unicode/normalize.js';
import type { JsonField } from './json.js';
import type { NormalizedString } from './normalized-string.js';

/**
 * Sentencepiece's compiled rules (`precompiled_charsmap`): a double array of the texts that are replaced (Darts), then the
 * texts that replace them, each ended by a zero byte. Read as the crate spm_precompiled does, oddities included.
 */
export class Charsmap {
  readonly #units: Uint32Array;
  readonly #replacements: Buffer;
  readonly #segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  readonly #found = new Map<string, string | undefined>();

  private constructor(units: Uint32Array, replacements: Buffer) {
    this.#units = units;
    this.#replacements = replacements;
  }

  /** @throws TokenizerJsonError when it is no such map */
  static read(json: JsonField): Charsmap {
    const data = Buffer.from(json.text, 'base64');
    const size = data.length >= 4 ? data.readUInt32LE(0) : Infinity;
    if (size > data.length - 4) throw json.error('the map is damaged: it is shorter than it says');
    const units = Uint32Array.from({ length: Math.floor(size / 4) }, (_, index) => data.readUInt32LE(4 + 4 * index));
    return new Charsmap(units, data.subarray(4 + 4 * units.length));
  }

  normalize(text: NormalizedString): void {
    const changes: Change[] = [];
    let modified = false;
    const replace = (old: string, content: string): void => {
      const [before, after] = [[...old].length, [...content]];
      modified = true;
      for (const letter of after) changes.push([letter, 0]);
      const more = after.length - before;
      // The last ones are new, however many were there before.
      for (let back = 1; back <= more && back <= changes.length; back++) {
        const at = changes.length - back;
        changes[at] = [(changes[at] as Change)[0], 1];
      }
      const last = changes.at(-1);
      if (more < 0 && last) changes[changes.length - 1] = [last[0], last[1] + more];
    };
    for (const { segment } of this.#segmenter.segment(text.text)) {
      const whole = Buffer.byteLength(segment) < 6 ? this.#replacement(segment) : undefined;
      if (whole !== undefined) {
        replace(segment, whole);
        continue;
      }
      for (const letter of segment) {
        const content = this.#replacement(letter);
        if (content === undefined) changes.push([letter, 0]);
        else replace(letter, content);
      }
    }
    if (modified) text.transform(changes);
  }

  /** What the shortest entry that a text begins with is replaced by. */
  #replacement(text: string): string | undefined {
    const known = this.#found.get(text);
    if (known !== undefined || this.#found.has(text)) return known;
    const place = this.#firstEntry(Buffer.from(text, 'utf8'));
    const end = place === undefined ? -1 : this.#replacements.indexOf(0, place);
    const content = place === undefined ? undefined : this.#replacements.toString('utf8', place, end < 0 ? this.#replacements.length : end);
    this.#found.set(text, content);
    return content;
  }

  #firstEntry(key: Uint8Array): number | undefined {
    const units = this.#units;
    const offset = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let at = offset(units[0] ?? 0);
    for (const byte of key) {
      if (byte === 0) break;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) return (units[at] ?? 0) & 0x7fffffff;
    }
    return undefined;
  }
}
