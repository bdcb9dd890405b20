/** Fields of a message in protobuf's encoding (https://protobuf.dev/programming-guides/encoding/). Empty texts and zeros are left out, as it has them. */
export class Message {
  readonly #parts: Buffer[] = [];

  /** @param value a whole number from 0 on, or a flag */
  number(field: number, value: number | boolean): this {
    const whole = Number(value);
    if (whole !== 0) this.#parts.push(varint(field * 8), varint(whole));
    return this;
  }

  text(field: number, value: string): this {
    if (value !== '') this.#bytes(field, Buffer.from(value));
    return this;
  }

  message(field: number, value: Message): this {
    this.#bytes(field, value.encoded());
    return this;
  }

  encoded(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #bytes(field: number, value: Buffer): void {
    this.#parts.push(varint(field * 8 + 2), varint(value.length), value);
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
