import { storedKey } from './keys.js';
import { closingQuote, isKept } from './lossless.js';
import { exactNumber, isTooLong, NUMERAL } from './numbers.js';
import { patchNumbers } from './patch.js';

/**
 * Reads JSON text so that nothing Python would read is lost: `exactText` gives text again from which Python's `json.loads`
 * makes the same value, after spreading objects and sending them to other threads.
 *
 * - a whole number that is no safe integer is a `bigint`; a float that is whole (`1.0`, `-0.0`) is a boxed `Number`
 * - names that JavaScript would move (`"2"`), or take for something else (`"__proto__"`), are stored by `storedKey`
 * - all else is as `JSON.parse` reads it, and so is a text that has none of these: nearly every one
 *
 * @throws SyntaxError for what is no JSON, and for a whole number of more than 4,300 digits, which Python refuses
 */
export function parseExact(text: string): unknown {
  return parse(text, 0);
}

/** The same for a row of a dataset, whose own fields are under the names the file has for them: no template sees it. */
export function parseExactRow(text: string): unknown {
  return parse(text, 1);
}

function parse(text: string, plainLevels: number): unknown {
  const value: unknown = JSON.parse(text);
  if (isKept(text)) return value;
  const isContainer = typeof value === 'object' && value !== null;
  return isContainer && patchNumbers(text, value as Container, plainLevels) ? value : build(text, plainLevels);
}

type Container = unknown[] | Record<string, unknown>;

/**
 * @param text valid JSON
 * @param plainLevels levels of objects, from the outermost, whose names are not marked
 */
function build(text: string, plainLevels: number): unknown {
  // Not recursive: columns that nobody uses may be nested deeply.
  const open: { readonly container: Container; readonly key: string | undefined }[] = [];
  let container: Container | undefined;
  let key: string | undefined;
  let root: unknown;
  const put = (value: unknown): void => {
    if (container === undefined) root = value;
    else if (Array.isArray(container)) container.push(value);
    else if (key === '__proto__') Object.defineProperty(container, key, { value, ...OWN_FIELD });
    else container[key as string] = value;
    key = undefined;
  };
  const begin = (inner: Container): void => {
    if (container !== undefined) open.push({ container, key });
    container = inner;
    key = undefined;
  };
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at);
    switch (unit) {
      case 0x22: {
        const close = closingQuote(text, at);
        const value = textValue(text, at, close);
        at = close + 1;
        if (container === undefined || Array.isArray(container) || key !== undefined) put(value);
        else key = open.length < plainLevels ? value : storedKey(value);
        break;
      }
      case 0x7b: // {
      case 0x5b: // [
        begin(unit === 0x7b ? {} : []);
        at++;
        break;
      case 0x7d: // }
      case 0x5d: {
        // ]
        const done = container;
        const outer = open.pop();
        container = outer?.container;
        key = outer?.key;
        put(done);
        at++;
        break;
      }
      case 0x74: // true
        put(true);
        at += 4;
        break;
      case 0x66: // false
        put(false);
        at += 5;
        break;
      case 0x6e: // null
        put(null);
        at += 4;
        break;
      default: {
        if (unit !== 0x2d && !(unit >= 0x30 && unit <= 0x39)) {
          at++; // white space, colons and commas
          break;
        }
        NUMERAL.lastIndex = at;
        const token = (NUMERAL.exec(text) as RegExpExecArray)[0];
        if (isTooLong(token)) throw new SyntaxError('a whole number of more than 4,300 digits');
        put(exactNumber(token));
        at += token.length;
      }
    }
  }
  return root;
}

const OWN_FIELD = { configurable: true, enumerable: true, writable: true };

function textValue(text: string, open: number, close: number): string {
  const inner = text.slice(open + 1, close);
  return inner.includes('\\') ? (JSON.parse(text.slice(open, close + 1)) as string) : inner;
}
