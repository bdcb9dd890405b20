/**
 * JSON text as Python reads it, spelt as by scripts/fixtures/exact_json.py. A reading of its own, which shares nothing with
 * what it is held against.
 */
export function spelt(text: string): string {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[-0-9.eE+]+|[{}[\]:,]|true|false|null|NaN/gs) ?? [];
  let at = 0;
  const value = (): string => {
    const token = tokens[at++] as string;
    if (token === '[') {
      const items: string[] = [];
      while (tokens[at] !== ']') {
        if (tokens[at] === ',') at++;
        items.push(value());
      }
      at++;
      return `[${items.join(',')}]`;
    }
    if (token === '{') {
      const fields = new Map<string, string>();
      while (tokens[at] !== '}') {
        if (tokens[at] === ',') at++;
        const name = ascii(tokens[at++] as string);
        at++;
        fields.set(name, value());
      }
      at++;
      return `{${[...fields].map(([name, item]) => `${name}:${item}`).join(',')}}`;
    }
    if (token === 'true') return 'True';
    if (token === 'false') return 'False';
    if (token === 'null') return 'None';
    if (token.startsWith('"')) return `s${ascii(token)}`;
    if (/^-?\d+$/.test(token)) return `i${BigInt(token)}`;
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(Number(token));
    return `f${bytes.toString('hex')}`;
  };
  return value();
}

/** A text as Python's json.dumps writes it: ASCII alone. */
function ascii(token: string): string {
  return JSON.stringify(JSON.parse(token)).replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
