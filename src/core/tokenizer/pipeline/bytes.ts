/** A printable character for each byte, as byte-level BPE writes them (GPT-2's `bytes_to_unicode`). */
const letters: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

const BYTES: ReadonlyMap<string, number> = new Map(letters.map((letter, byte) => [letter, byte]));

/** A text's bytes (UTF-8), each as its character. */
export function byteLetters(text: string): string {
  let result = '';
  for (const byte of Buffer.from(text, 'utf8')) result += letters[byte] as string;
  return result;
}

/** The bytes that characters stand for, or undefined when one stands for none. */
export function lettersToBytes(text: string): number[] | undefined {
  const result: number[] = [];
  for (const letter of text) {
    const byte = BYTES.get(letter);
    if (byte === undefined) return undefined;
    result.push(byte);
  }
  return result;
}
