import { isUtf8 } from 'node:buffer';
import { WishboneError } from '../errors.js';
import { parseExactRow } from '../exact-json/index.js';
import { findJsonFault, isJsonSpace, type JsonFault } from './json-fault.js';
import { DocumentMeter, LONGEST_ROW, noRowBegins, rowTooLong } from './row-limit.js';
import type { ByteSource } from './source.js';
import type { Row } from './row.js';
import { isKind } from './file-kinds.js';

/** Where a row of a text file stands. */
interface LinePlace {
  readonly row: number;
  readonly line: number;
}

/** JSON as one document is read whole; V8 cannot hold longer text. */
const LONGEST_TEXT = 0x1fffffe8;

/**
 * The rows of JSON text in order. JSON lines are streamed; a JSON array, or objects written over several lines in a `.json`
 * file, are read whole and taken apart row by row, so that every row keeps its line. A row that is not JSON is yielded
 * as an error; JSON lines go on after it, a document ends there.
 *
 * @throws WishboneError for faults of the file as a whole
 */
export async function* jsonRows(source: ByteSource): AsyncGenerator<Row> {
  const chunks = source.chunks();
  try {
    const heads: Buffer[] = [];
    let size = 0;
    let first = -1;
    while (first < 0) {
      const next = await chunks.next();
      if (next.done) return;
      const found = next.value.findIndex((byte) => !isJsonSpace(byte));
      if (found >= 0) first = size + found;
      heads.push(next.value);
      size += next.value.length;
      if (size > LONGEST_ROW + next.value.length) throw noRowBegins(source.file);
    }
    const head = Buffer.concat(heads, size);
    const isJsonFile = isKind(source.file, 'json');
    const isDocument = head[first] === 0x5b || (isJsonFile && head[first] === 0x7b);
    if (isDocument) yield* documentRows(source, await collect(source, head, head[first] === 0x5b ? 1 : 0, chunks));
    else yield* lineRows(source.file, head, chunks);
  } finally {
    await chunks.return(undefined);
  }
}

async function* lineRows(file: string, head: Buffer, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Row> {
  let row = 0;
  let line = 0;
  /** The first row, when it ends early: the next line tells why. */
  let cut: Extract<Row, { error: unknown }> | undefined;
  for await (const bytes of lines(file, head, chunks)) {
    line++;
    if (bytes.every(isJsonSpace)) continue;
    if (cut !== undefined) {
      const isOneValue = /^\s*["\]}]/.test(bytes.toString('latin1', 0, 200));
      yield isOneValue ? { ...cut, error: severalLines(file, cut.line), isLast: true } : cut;
      if (isOneValue) return;
      cut = undefined;
    }
    const read = parseLine(file, bytes, { row: row++, line });
    if (row === 1 && 'error' in read && read.error.what.includes('the text ends')) cut = read;
    else yield read;
  }
  if (cut !== undefined) yield cut;
}

function severalLines(file: string, line = 1): WishboneError {
  return new WishboneError(
    'a JSON value over several lines, in a file with one row per line',
    `${file}:${line}`,
    isKind(file, 'json') ? 'write each row on one line' : 'give the file a name that ends in .json, or write each row on one line',
  );
}

async function* lines(file: string, head: Buffer, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let pending = 0;
  let line = 0;
  let chunk: Buffer | undefined = head;
  while (chunk) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      parts.push(chunk.subarray(from, end));
      line++;
      if (pending + end - from > LONGEST_ROW) throw rowTooLong(`${file}:${line}`, 'write one row a line');
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      parts = [];
      pending = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      pending += chunk.length - from;
      if (pending > LONGEST_ROW) throw rowTooLong(`${file}:${line + 1}`, 'write one row a line');
    }
    const next: IteratorResult<Buffer, unknown> = await chunks.next();
    chunk = next.done ? undefined : next.value;
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

function parseLine(file: string, bytes: Buffer, place: LinePlace): Row {
  if (!isUtf8(bytes)) return { ...place, error: notUtf8(file, bytes, place.line) };
  const text = bytes.toString('utf8');
  try {
    return { ...place, value: parseExactRow(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const fault = findJsonFault(text);
    const { offset, what, advice } = typeof fault === 'number' ? moreOnLine(text, fault) : fault;
    return { ...place, error: notJson(file, what, place.line, columnOf(text, offset), advice) };
  }
}

/** A row, and something behind it. @param end where the row ends */
function moreOnLine(text: string, end: number): JsonFault {
  const rest = text.slice(end);
  const what = 'something follows the JSON value on the same line';
  const next = rest.trimStart();
  if (/^\s*\r\s*[[{"]/.test(rest)) {
    return { offset: end, what: `${what}: the lines end in CR alone`, advice: 'save the file with LF (Unix) or CRLF (Windows) line ends' };
  }
  if (next.trimEnd() === ',') {
    const advice = 'remove the commas at the ends of the lines, or put the rows in [ ] and call the file .json';
    return { offset: end, what: `${what}: a comma`, advice };
  }
  if (next.startsWith('{')) return { offset: end, what: `${what}: another object`, advice: 'put each row on its own line' };
  return { offset: end, what };
}

async function collect(source: ByteSource, head: Buffer, top: 0 | 1, chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  source.documentShare = 0;
  const meter = new DocumentMeter(source.file, top);
  meter.add(head);
  const parts = [head];
  let size = head.length;
  for await (const chunk of chunks) {
    parts.push(chunk);
    meter.add(chunk);
    size += chunk.length;
    if (size > LONGEST_TEXT) throw tooLong(source.file);
  }
  return Buffer.concat(parts, size);
}

function* documentRows(source: ByteSource, bytes: Buffer): Generator<Row> {
  const { file } = source;
  if (!isUtf8(bytes)) {
    yield { row: 0, line: 1, error: notUtf8(file, bytes, 1), isLast: true };
    return;
  }
  const text = bytes.toString('utf8');
  const lineAt = lineCounter(text);
  const skipSpace = (at: number): number => {
    while (isJsonSpace(text.charCodeAt(at))) at++;
    return at;
  };
  const faultAt = (offset: number, what: string, advice?: string): WishboneError =>
    notJson(file, what, lineAt(offset), columnOf(text, offset), advice);
  const found = (offset: number): string =>
    offset >= text.length ? 'the file ends' : `found ${JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0))}`;

  let at = skipSpace(0);
  const isArray = text[at] === '[';
  if (isArray) at = skipSpace(at + 1);
  if (isArray && text[at] === ']') return;
  // Of rows that follow each other on one line, as Python's json.dump writes them, the line tells none from another.
  const behind = skipSpace(valueEnd(text, at));
  const second = isArray && text[behind] === ',' ? skipSpace(behind + 1) : behind;
  const isAlone = isArray ? text[behind] !== ',' : second >= text.length;
  const haveLines = isAlone || text.slice(at, second).includes('\n');
  for (let row = 0; isArray || at < text.length; row++) {
    const place = { row, line: haveLines ? lineAt(at) : undefined };
    const end = valueEnd(text, at);
    source.documentShare = end / text.length;
    try {
      yield { ...place, value: parseExactRow(text.slice(at, end)) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const fault = findJsonFault(text, at);
      if (typeof fault === 'number') {
        // A value, and another right behind it.
        const next = skipSpace(fault);
        yield {
          ...place,
          error: faultAt(next, `${found(next)} ${isArray ? 'where "," or "]" should be' : 'behind a value'}`),
          isLast: true,
        };
      } else {
        yield { ...place, error: faultAt(fault.offset, fault.what, fault.advice), isLast: true };
      }
      return;
    }
    at = skipSpace(end);
    if (!isArray) continue;
    if (text[at] === ']') break;
    if (text[at] !== ',') {
      yield { row: row + 1, line: lineAt(at), error: faultAt(at, `${found(at)} where "," or "]" should be`), isLast: true };
      return;
    }
    at = skipSpace(at + 1);
  }
  if (!isArray) return;
  const rest = skipSpace(at + 1);
  if (rest < text.length) {
    yield { row: 0, line: lineAt(rest), error: faultAt(rest, `${found(rest)} after the end of the list`), isLast: true };
  }
}

/** Where the value that begins at `at` ends, judged by brackets and quotes alone. */
export function valueEnd(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) {
          if (text.charCodeAt(i) === 0x5c) i++;
        }
        if (depth === 0) return Math.min(i + 1, text.length);
        break;
      case 0x7b: // {
      case 0x5b: // [
        depth++;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        if (depth === 0) return i;
        if (--depth === 0) return i + 1;
        break;
      case 0x2c: // ,
        if (depth === 0) return i;
        break;
      default:
    }
  }
  return text.length;
}

/** Line numbers (from 1) for offsets; fast for offsets that only grow, however long the lines. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let counted = 0;
  /** The line break at or behind `counted`: a document on one line is not searched to its end for every row. */
  let next: number | undefined;
  return (offset) => {
    if (offset < counted) {
      line = 1;
      counted = 0;
      next = undefined;
    }
    next ??= breakFrom(text, counted);
    while (next < offset) {
      line++;
      counted = next + 1;
      next = breakFrom(text, counted);
    }
    return line;
  };
}

function breakFrom(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}

/** 1-based column in characters. */
function columnOf(text: string, offset: number): number {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return [...text.slice(offset > 0 ? lineStart : 0, offset)].length + 1;
}

function notJson(
  file: string,
  what: string,
  line: number,
  column: number,
  advice = 'fix the line; every row must be one JSON object',
): WishboneError {
  return new WishboneError(`not JSON: ${what}`, `${file}:${line}:${column}`, advice);
}

/** `firstLine`: the line on which `bytes` begin. */
function notUtf8(file: string, bytes: Buffer, firstLine: number): WishboneError {
  const again = Buffer.from(bytes.toString('utf8'), 'utf8');
  let bad = 0;
  while (bad < bytes.length && bytes[bad] === again[bad]) bad++;
  let line = firstLine;
  let lineStart = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0 && at < bad; at = bytes.indexOf(0x0a, at + 1)) {
    line++;
    lineStart = at + 1;
  }
  const byte = (bytes[bad] ?? 0).toString(16).padStart(2, '0');
  return new WishboneError(
    `not UTF-8: byte 0x${byte} is not valid here`,
    `${file}:${line}, byte ${bad - lineStart + 1} of the line`,
    'save the file as UTF-8',
  );
}

function tooLong(file: string): WishboneError {
  return new WishboneError(
    'the file holds a JSON text of more than 512 MiB in one piece',
    file,
    'write it as JSON lines (.jsonl), one row per line',
  );
}
