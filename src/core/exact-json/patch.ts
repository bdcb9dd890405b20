import { needsMark } from './keys.js';
import { closingQuote, isKey } from './lossless.js';
import { exactNumber, isLossless, isTooLong, NUMERAL } from './numbers.js';

type Container = unknown[] | Record<string, unknown>;

/**
 * Puts exact numbers into what `JSON.parse` made of a text, where that is all it lost. Texts are not read again: this is
 * as fast as looking for the numbers.
 *
 * @param text valid JSON
 * @param value what `JSON.parse` made of it, an object or a list; changed
 * @param plainLevels levels of objects, from the outermost, whose names are not marked
 * @returns whether it could; if not, the value is not to be used
 */
export function patchNumbers(text: string, value: Container, plainLevels: number): boolean {
  const open: { readonly container: Container; readonly key: string; readonly count: number }[] = [];
  let container: Container | undefined;
  let key = '';
  /** Entries of the container so far. */
  let count = 0;
  const enter = (): boolean => {
    const inner: unknown = container === undefined ? value : Array.isArray(container) ? container[count] : container[key];
    if (typeof inner !== 'object' || inner === null) return false;
    if (container !== undefined) open.push({ container, key, count });
    container = inner as Container;
    count = 0;
    return true;
  };
  const leave = (isList: boolean): boolean => {
    // Of a name that is there twice, one value is gone.
    const held = isList === Array.isArray(container) && container !== undefined;
    if (!held || (!isList && count !== Object.keys(container as object).length)) return false;
    const outer = open.pop();
    container = outer?.container;
    key = outer?.key ?? '';
    count = (outer?.count ?? 0) + 1;
    return true;
  };
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      const close = closingQuote(text, at);
      if (container !== undefined && !Array.isArray(container) && isKey(text, close + 1)) {
        key = JSON.parse(text.slice(at, close + 1)) as string;
        if (open.length >= plainLevels ? needsMark(key) : key === '__proto__') return false;
      } else {
        count++;
      }
      at = close + 1;
    } else if (unit === 0x7b || unit === 0x5b) {
      if (!enter()) return false;
      at++;
    } else if (unit === 0x7d || unit === 0x5d) {
      if (!leave(unit === 0x5d)) return false;
      at++;
    } else if (unit === 0x2d || (unit >= 0x30 && unit <= 0x39)) {
      NUMERAL.lastIndex = at;
      const [token] = NUMERAL.exec(text) as RegExpExecArray;
      if (!isLossless(token)) {
        if (isTooLong(token)) throw new SyntaxError('a whole number of more than 4,300 digits');
        if (Array.isArray(container)) container[count] = exactNumber(token);
        else if (container !== undefined) container[key] = exactNumber(token);
        else return false;
      }
      count++;
      at += token.length;
    } else if (unit === 0x74 || unit === 0x66 || unit === 0x6e) {
      // true, false, null
      count++;
      at += unit === 0x66 ? 5 : 4;
    } else {
      at++;
    }
  }
  return true;
}
