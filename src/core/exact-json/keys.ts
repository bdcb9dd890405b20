/** Stands before a stored name that JavaScript would not keep as it is. */
const MARK = '\0';

/**
 * The name under which an object of an exact value holds a field. JavaScript puts names that are whole numbers before all
 * others, and takes `__proto__` for the prototype in many places: such names get a mark in front, and so does a name
 * that begins with the mark.
 */
export function storedKey(key: string): string {
  return needsMark(key) ? MARK + key : key;
}

/** A field's name as its file has it. */
export function fileKey(stored: string): string {
  return stored.startsWith(MARK) ? stored.slice(1) : stored;
}

export function needsMark(key: string): boolean {
  const first = key.charCodeAt(0);
  // Most names begin with a letter.
  if (first > 0x39 && first !== 0x5f) return false;
  return first === 0 || key === '__proto__' || /^(?:0|[1-9]\d*)$/.test(key);
}
