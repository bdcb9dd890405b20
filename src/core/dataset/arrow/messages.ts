import { CompressionType } from 'apache-arrow/fb/compression-type';
import { DictionaryBatch } from 'apache-arrow/fb/dictionary-batch';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { Schema } from 'apache-arrow/fb/schema';
import { ByteBuffer } from 'flatbuffers';
import { must } from '../table-fault.js';
import type { ArrowBytes } from './bytes.js';
import { type ArrowField, readSchema } from './schema.js';

/** What a record batch says of its body. */
export interface BatchHead {
  readonly rows: number;
  /** Of each field, those within others too: how many values it has, and how many of them are null. */
  readonly nodes: readonly { readonly length: number; readonly nulls: number }[];
  /** Places in the body, in bytes. */
  readonly buffers: readonly { readonly start: number; readonly end: number }[];
  readonly codec: 'lz4' | 'zstd' | undefined;
  /** Of each field of views: how many buffers follow. */
  readonly viewBuffers: readonly number[];
}

/** A message of an Arrow stream. Its body follows in the bytes; what is not taken of it is passed over. */
export type ArrowMessage = { readonly bodyLength: number } & (
  | { readonly is: 'schema'; readonly fields: readonly ArrowField[] }
  | { readonly is: 'batch'; readonly head: BatchHead }
  | { readonly is: 'dictionary'; readonly head: BatchHead; readonly id: bigint; readonly isDelta: boolean }
);

const CONTINUATION = 0xffffffff;
/** Bytes. Schemas of datasets with thousands of columns have less than one. */
const MOST_METADATA = 1 << 24;

/**
 * The messages of an Arrow stream (Arrow's Format/IPC), up to its end mark or the end of the bytes.
 *
 * @throws TableFault
 */
export async function* arrowMessages(bytes: ArrowBytes): AsyncGenerator<ArrowMessage> {
  while (bytes.left > 0) {
    must((await bytes.take(4)).readUInt32LE() === CONTINUATION, 'something else stands where a message should begin');
    const length = (await bytes.take(4)).readInt32LE();
    if (length === 0) return;
    must(length > 0 && length <= MOST_METADATA, `a message with ${length} bytes of metadata`);
    const message = readMessage(await bytes.take(length));
    if (message === undefined) continue;
    const { bodyLength } = message;
    must(bodyLength <= bytes.left, `a message says ${bodyLength} bytes where ${bytes.left} are left`);
    const end = bytes.left - bodyLength;
    yield message;
    must(bytes.left >= end, 'more was read than a message holds');
    await bytes.skip(bytes.left - end);
  }
}

function readMessage(metadata: Buffer): ArrowMessage {
  const message = Message.getRootAsMessage(new ByteBuffer(metadata));
  const version = message.version();
  must(version === MetadataVersion.V4 || version === MetadataVersion.V5, 'it is of a version of Arrow that is not read');
  const bodyLength = whole(message.bodyLength(), 'bytes');
  switch (message.headerType()) {
    case MessageHeader.Schema:
      return { is: 'schema', bodyLength, fields: readSchema(header(message, new Schema()), version) };
    case MessageHeader.RecordBatch:
      return { is: 'batch', bodyLength, head: readHead(header(message, new RecordBatch()), bodyLength, metadata.length) };
    case MessageHeader.DictionaryBatch: {
      const dictionary = header(message, new DictionaryBatch());
      const batch = dictionary.data();
      must(batch !== null, 'a dictionary without entries');
      const head = readHead(batch, bodyLength, metadata.length);
      return { is: 'dictionary', bodyLength, head, id: dictionary.id(), isDelta: dictionary.isDelta() };
    }
    default:
      must(false, 'it holds something other than a table');
  }
}

function header<T>(message: Message, of: T): T {
  const read = message.header(of) as T | null;
  must(read !== null, 'a message says nothing of what it holds');
  return read;
}

function readHead(batch: RecordBatch, bodyLength: number, metadata: number): BatchHead {
  // Each is two numbers of 8 bytes.
  const list = <T>(count: number, size: number, entry: (index: number) => T): T[] => {
    must(count >= 0 && count * size <= metadata, `a batch of ${count} parts in ${metadata} bytes of metadata`);
    return Array.from({ length: count }, (_, index) => entry(index));
  };
  const nodes = list(batch.nodesLength(), 16, (index) => {
    const node = batch.nodes(index);
    const length = whole(node?.length() ?? -1n, 'values');
    const nulls = whole(node?.nullCount() ?? -1n, 'nulls');
    must(nulls <= length, `${nulls} nulls in ${length} values`);
    return { length, nulls };
  });
  const buffers = list(batch.buffersLength(), 16, (index) => {
    const buffer = batch.buffers(index);
    const start = whole(buffer?.offset() ?? -1n, 'bytes');
    const end = start + whole(buffer?.length() ?? -1n, 'bytes');
    must(end <= bodyLength, `a buffer that ends at ${end} in a body of ${bodyLength} bytes`);
    return { start, end };
  });
  const codec = batch.compression()?.codec();
  must(codec === undefined || codec === CompressionType.LZ4_FRAME || codec === CompressionType.ZSTD, 'it is packed in an unknown way');
  return {
    rows: whole(batch.length(), 'rows'),
    nodes,
    buffers,
    codec: codec === undefined ? undefined : codec === CompressionType.ZSTD ? 'zstd' : 'lz4',
    viewBuffers: list(batch.variadicBufferCountsLength(), 8, (index) => whole(batch.variadicBufferCounts(index) ?? -1n, 'buffers')),
  };
}

function whole(value: bigint, of: string): number {
  const number = Number(value);
  must(Number.isSafeInteger(number) && number >= 0, `${value} ${of}`);
  return number;
}
