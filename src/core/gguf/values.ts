/** A value of a GGUF file's metadata, with the type it is written as. */
export type Value =
  | { readonly type: 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'int32s' | 'float32s'; readonly value: readonly number[] };

/** Metadata in the order in which they are written. */
export type Metadata = ReadonlyMap<string, Value>;

export const uint32 = (value: number): Value => ({ type: 'uint32', value });
export const int32 = (value: number): Value => ({ type: 'int32', value });
export const float32 = (value: number): Value => ({ type: 'float32', value });
export const bool = (value: boolean): Value => ({ type: 'bool', value });
export const string = (value: string): Value => ({ type: 'string', value });

/** Numbers of the types (gguf.h). */
const [UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY] = [4, 5, 6, 7, 8, 9];

/** The bytes of some metadata: key, type and value of each. */
export function metadataBytes(metadata: Metadata): Buffer {
  return Buffer.concat([...metadata].flatMap(([key, value]) => [text(key), ...bytesOfValue(value)]));
}

/** A text with its length, as names of tensors are written too. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint64Bytes(bytes.length), bytes]);
}

export function uint32Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function uint64Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function bytesOfValue(value: Value): Buffer[] {
  switch (value.type) {
    case 'uint32':
      return [uint32Bytes(UINT32!), uint32Bytes(value.value)];
    case 'int32':
      return [uint32Bytes(INT32!), numbers('writeInt32LE', [value.value])];
    case 'float32':
      return [uint32Bytes(FLOAT32!), numbers('writeFloatLE', [value.value])];
    case 'bool':
      return [uint32Bytes(BOOL!), Buffer.from([value.value ? 1 : 0])];
    case 'string':
      return [uint32Bytes(STRING!), text(value.value)];
    case 'strings':
      return [...list(STRING!, value.value.length), ...value.value.map(text)];
    case 'int32s':
      return [...list(INT32!, value.value.length), numbers('writeInt32LE', value.value)];
    case 'float32s':
      return [...list(FLOAT32!, value.value.length), numbers('writeFloatLE', value.value)];
  }
}

const list = (type: number, length: number): Buffer[] => [uint32Bytes(ARRAY!), uint32Bytes(type), uint64Bytes(length)];

function numbers(write: 'writeInt32LE' | 'writeFloatLE', values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes[write](value, 4 * index);
  return bytes;
}
