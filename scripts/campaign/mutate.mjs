// Changes of good inputs that keep most of their structure: what is wholly random is refused at the door.

/** Values that readers have stumbled over: types, sizes, signs, depth, codes of terminals, names of prototypes. */
const odd = [
  ...[null, true, false, 0, -0, 1, -1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 63, 1e-320],
  ...[
    '',
    ' ',
    '\0',
    '\x1b[31m',
    '\u202e',
    '\ud800',
    '../../etc/passwd',
    '/dev/zero',
    '__proto__',
    'constructor',
    '{{ x }}',
    'a'.repeat(5000),
    '(a+)+$',
    '[',
    '\\',
  ],
  ...[[], [[]], {}, { a: 1 }, [null], [1, 'a', {}], Array(300).fill(0)],
];
/** As text: what `JSON.stringify` does not write. */
const oddText = [
  ...['1e999', '-1e999', 'NaN', 'Infinity', '01', '1.', '.5', '18446744073709551616', '9'.repeat(400), '-0.0', '1E400'],
  ...['"\\ud800"', '"\\u0000"', '"\x07"', "'a'", 'undefined', '/* c */ 1', '[1,]', '{"a":1,"a":2}', '{"__proto__":{"x":1}}'],
  ...['['.repeat(200), '['.repeat(20000), `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`, `${'['.repeat(90)}${']'.repeat(90)}`],
];

/** One place of a value is another value, is gone, doubled, or has another's. */
export function mutateValue(random, value) {
  const copy = structuredClone(value);
  const places = [];
  const walk = (container) => {
    for (const key of Object.keys(container)) {
      places.push([container, key]);
      if (typeof container[key] === 'object' && container[key] !== null && places.length < 20000) walk(container[key]);
    }
  };
  if (typeof copy === 'object' && copy !== null) walk(copy);
  if (places.length === 0) return random.of(odd);
  for (let times = 1 + random.below(3); times > 0; times--) {
    const [container, key] = random.of(places);
    const set = (to) => {
      if (Array.isArray(container)) container[Number(key)] = to;
      else Object.defineProperty(container, key, { value: to, configurable: true, enumerable: true, writable: true });
    };
    switch (random.below(6)) {
      case 0:
        if (Array.isArray(container)) container.splice(Number(key), 1);
        else delete container[key];
        break;
      case 1: {
        const [other, name] = random.of(places);
        set(structuredClone(other[name]));
        break;
      }
      case 2:
        if (typeof container[key] === 'number')
          set(
            random.of([
              container[key] * 2 ** random.below(40),
              -container[key],
              container[key] + 0.5,
              container[key] + 1,
              container[key] - 1,
            ]),
          );
        else if (typeof container[key] === 'string') set(mutateText(random, container[key]));
        else set(random.of(odd));
        break;
      case 3:
        if (Array.isArray(container)) container.splice(Number(key), 0, structuredClone(container[key]));
        else container[`${key}${random.of(['', '_', 's', 'x'])}`] = structuredClone(random.of(odd));
        break;
      default:
        set(structuredClone(random.of(odd)));
    }
  }
  return copy;
}

/** JSON of a changed value, at times with what no value is written as. */
export function mutateJson(random, value, indent) {
  const text = JSON.stringify(mutateValue(random, value), undefined, indent);
  if (!random.once(4)) return text;
  const values = [...text.matchAll(/(?<=[:[,]\s*)(?:"[^"\\]*"|-?\d[\d.e+-]*|true|false|null)/g)];
  if (values.length === 0) return mutateText(random, text);
  const at = random.of(values);
  return text.slice(0, at.index) + random.of(oddText) + text.slice(at.index + at[0].length);
}

const pieces = [
  '"',
  "'",
  '\\',
  '\n',
  '\r',
  '\t',
  '\0',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '\ufeff',
  '\ud800',
  '\u2028',
  '\x1b[2J',
  '- ',
  '&a ',
  '*a',
  '<<: ',
  '!!binary ',
  '{{',
  '}}',
  '{%',
  '%}',
  '#',
  '|',
  '>',
];

/** Some pieces of a text are gone, doubled, moved, or are others. */
export function mutateText(random, text) {
  let out = text;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(out.length + 1);
    const length = random.once(3) ? random.below(40) : 1;
    const piece = out.slice(at, at + length);
    switch (random.below(5)) {
      case 0:
        out = out.slice(0, at) + out.slice(at + length);
        break;
      case 1:
        out = out.slice(0, at) + piece.repeat(1 + random.below(4)) + out.slice(at);
        break;
      case 2: {
        const to = random.below(out.length + 1);
        out = out.slice(0, to) + piece + out.slice(to);
        break;
      }
      case 3:
        out = random.once(8) ? out.slice(0, at) : out.slice(0, at) + random.of(oddText) + out.slice(at);
        break;
      default:
        out = out.slice(0, at) + random.of(pieces) + out.slice(at + (random.once(2) ? 1 : 0));
    }
  }
  return out;
}

/** Bytes with a few others: bits, small and large numbers of any width, pieces moved or cut off. */
export function mutateBytes(random, bytes, { from = 0, to = bytes.length } = {}) {
  let out = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--) {
    if (out.length === 0) return out;
    const at = Math.min(out.length - 1, from + random.below(Math.max(1, to - from)));
    switch (random.below(6)) {
      case 0:
        out[at] ^= 1 << random.below(8);
        break;
      case 1:
        out[at] = random.of([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
        break;
      case 2: {
        const width = random.of([2, 4, 8]);
        if (at + width > out.length) break;
        const number = random.of([0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0x7fffffffn, 0xffffffffn, 2n ** 40n, 2n ** 63n - 1n, 2n ** 64n - 1n]);
        for (let i = 0; i < width; i++) out[at + i] = Number((number >> BigInt(8 * i)) & 255n);
        break;
      }
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + random.below(8))]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + 1 + random.below(16)), out.subarray(at)]);
        break;
      default:
        if (random.once(6)) out = out.subarray(0, at);
        else out[at] = random.below(256);
    }
  }
  return out;
}

/** A safetensors file whose header says something else, of the right length mostly, or whose data are others. */
export function mutateSafetensors(random, bytes, inner = undefined) {
  if (random.once(6)) return mutateBytes(random, bytes, { to: 64 });
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'));
  let text;
  if (inner !== undefined && random.once(3)) {
    header.__metadata__[inner] = mutateJson(random, JSON.parse(header.__metadata__[inner]));
    text = JSON.stringify(header);
  } else if (random.once(3)) {
    // The data: numbers of the tensors.
    return mutateBytes(random, bytes, { from: 8 + length });
  } else text = mutateJson(random, header);
  const head = Buffer.from(text, 'utf8');
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(random.once(10) ? head.length + random.below(9) - 4 : head.length) & 0xffffffffffffffffn);
  return Buffer.concat([size, head, bytes.subarray(8 + length)]);
}
