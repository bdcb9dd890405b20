import { must } from '../table-fault.js';

/** A value of Thrift's compact protocol, which Parquet's headers are written in; a structure is by field numbers. */
export type Thrift = boolean | number | bigint | Uint8Array | readonly Thrift[] | ThriftStruct;
export type ThriftStruct = ReadonlyMap<number, Thrift>;

const DEEPEST = 32;

/**
 * Reads structures of Thrift's compact protocol, as far as Parquet uses it. Nothing is taken on trust: lengths are held
 * against the bytes that are left, lists against one byte for each entry, and what is read counts against a limit.
 *
 * Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class ThriftReader {
  readonly #view: DataView;
  readonly #end: number;
  readonly #most: number;
  readonly #keeps: boolean;
  #values = 0;

  /**
   * @param most values that may be read
   * @param keeps whether what is read is kept; if not, structures come out empty, and it was only looked at
   */
  constructor(
    view: DataView,
    public at: number,
    end: number,
    most: number,
    keeps = true,
  ) {
    this.#view = view;
    this.#end = end;
    this.#most = most;
    this.#keeps = keeps;
  }

  /** @throws TableFault */
  struct(depth = 0): ThriftStruct {
    must(depth < DEEPEST, 'its headers are nested too deeply');
    const fields = new Map<number, Thrift>();
    for (let id = 0; ; ) {
      const head = this.#byte();
      const type = head & 0x0f;
      if (type === 0) return fields;
      id = head >> 4 ? id + (head >> 4) : this.#int(3);
      const value = this.#value(type, depth);
      if (this.#keeps) fields.set(id, value);
    }
  }

  #value(type: number, depth: number): Thrift {
    must(++this.#values <= this.#most, 'its headers hold more than a file of this size can need');
    switch (type) {
      case 1:
      case 2:
        return type === 1;
      case 3:
        return (this.#byte() << 24) >> 24;
      case 4:
      case 5:
        return this.#int(5);
      case 6:
        return this.#long();
      case 7:
        this.#skip(8);
        return this.#view.getFloat64(this.at - 8, true);
      case 8: {
        const length = this.#unsigned(5);
        this.#skip(length);
        return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.at - length, length);
      }
      case 9:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        must(false, `its headers hold a value of the unknown kind ${type}`);
    }
  }

  #list(depth: number): readonly Thrift[] {
    const head = this.#byte();
    const type = head & 0x0f;
    const size = head >> 4 === 15 ? this.#unsigned(5) : head >> 4;
    must(size <= this.#end - this.at, `a list of ${size} entries in ${this.#end - this.at} bytes`);
    const isBoolean = type === 1 || type === 2;
    const entries: Thrift[] = [];
    for (let index = 0; index < size; index++) {
      const value = this.#value(isBoolean ? 3 : type, depth + 1);
      if (this.#keeps) entries.push(value);
    }
    return entries;
  }

  #byte(): number {
    this.#skip(1);
    return this.#view.getUint8(this.at - 1);
  }

  #skip(bytes: number): void {
    must(bytes <= this.#end - this.at, `a header says ${bytes} bytes where ${this.#end - this.at} are left`);
    this.at += bytes;
  }

  #unsigned(mostBytes: number): number {
    let value = 0;
    for (let index = 0; index < mostBytes; index++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    must(false, 'a header holds a number without an end');
  }

  #int(mostBytes: number): number {
    const value = this.#unsigned(mostBytes);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #long(): bigint {
    let value = 0n;
    for (let index = 0n; index < 10n; index++) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << (7n * index);
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
    }
    must(false, 'a header holds a number without an end');
  }
}

/** A whole number of a structure. @throws TableFault when it is missing or negative */
export function count(struct: ThriftStruct | undefined, field: number, name: string): number {
  const value = struct?.get(field);
  const number = typeof value === 'bigint' ? Number(value) : value;
  must(typeof number === 'number' && Number.isSafeInteger(number) && number >= 0, `${name} is ${shown(value)}`);
  return number;
}

/** A structure within another; undefined when it is not there. */
export function inner(struct: ThriftStruct, field: number): ThriftStruct | undefined {
  const value = struct.get(field);
  return value instanceof Map ? value : undefined;
}

function shown(value: Thrift | undefined): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : 'not a number';
}
