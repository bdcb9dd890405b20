import { needsMark } from './keys.js';
import { isLossless } from './numbers.js';

/**
 * Whether `JSON.parse` keeps all of a JSON text: no number that it rounds or takes for another type, no name that it moves.
 * One pass that steps over texts without looking into them.
 *
 * @param text valid JSON
 */
export function isKept(text: string): boolean {
  let at = 0;
  for (;;) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    if (!numbersKept(text, at, end)) return false;
    if (quote < 0) return true;
    const close = closingQuote(text, quote);
    at = close + 1;
    if (isKey(text, at) && nameNeedsMark(text, quote, close)) return false;
  }
}

/** Where the text that begins with the quote at `open` has its last quote. */
export function closingQuote(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); ; at = text.indexOf('"', at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) === 0x5c) before--;
    if ((at - before) % 2 === 1) return at;
  }
}

/** Whether the text that ends before `after` is the name of a field. */
export function isKey(text: string, after: number): boolean {
  let at = after;
  for (let unit = text.charCodeAt(at); ; unit = text.charCodeAt(++at)) {
    if (unit === 0x3a) return true;
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return false;
  }
}

function nameNeedsMark(text: string, open: number, close: number): boolean {
  const first = text.charCodeAt(open + 1);
  const mayBeSpecial = first <= 0x39 || first === 0x5f || first === 0x5c;
  return mayBeSpecial && needsMark(JSON.parse(text.slice(open, close + 1)) as string);
}

/** The same for the numbers between two texts. */
function numbersKept(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if (!isDigit(text.charCodeAt(at))) continue;
    const start = at > 0 && text.charCodeAt(at - 1) === 0x2d ? at - 1 : at;
    let plain = true;
    for (at++; at < to; at++) {
      const unit = text.charCodeAt(at);
      if (isDigit(unit)) continue;
      // . e E + -
      if (unit === 0x2e || unit === 0x65 || unit === 0x45 || unit === 0x2b || unit === 0x2d) plain = false;
      else break;
    }
    if (plain && at - start <= 15) continue;
    if (!isLossless(text.slice(start, at))) return false;
  }
  return true;
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}
