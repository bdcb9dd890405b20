import { must } from './table-fault.js';

/** Packed bytes, taken one part after the other. */
export class PackedBytes {
  readonly view: DataView;
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isOver(): boolean {
    return this.#at >= this.bytes.length;
  }

  /** @returns where the next so many begin @throws TableFault when fewer are left */
  take(count: number): number {
    must(count <= this.bytes.length - this.#at, 'packed bytes end too early');
    this.#at += count;
    return this.#at - count;
  }
}
