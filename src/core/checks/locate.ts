import { type Node, parseTree } from 'jsonc-parser';
import type { Span } from './types.js';

/** Finds fields in a row's JSON text. Parsing with places is slow, so it is done when a place is first asked for. */
export class FieldLocator {
  readonly #text: string;
  #tree: Node | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The value at a path such as `conversations[2].value`, or as much of the path as there is. */
  value(path: string): Span {
    return spanOf(this.#node(path).node);
  }

  /**
   * Where an object without a wanted field is marked: at the name it has in its own parent, else at its opening
   * bracket. All of it would underline whole rows.
   */
  owner(path: string): Span {
    const { node } = this.#node(path);
    const property = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
    return property === undefined ? { start: node.offset, end: node.offset + 1 } : spanOf(property);
  }

  /** The name of the field at a path, without its quotes; undefined when there is no such field. */
  name(path: string): Span | undefined {
    const { node, whole } = this.#node(path);
    const property = whole && node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
    return property && { start: property.offset + 1, end: property.offset + property.length - 1 };
  }

  /**
   * The source of a stretch of a text field's content: `from` and `to` count UTF-16 units of the value as JSON.parse
   * gives it. For a value that is no text, all of it.
   */
  within(path: string, from: number, to: number): Span {
    const { node, whole } = this.#node(path);
    if (!whole || node.type !== 'string') return spanOf(node);
    const content = node.offset + 1;
    const start = this.#sourceIndex(content, from);
    return { start, end: this.#sourceIndex(start, to - from) };
  }

  /** The index in the source that lies `units` of content after `at`. An escape is one unit. */
  #sourceIndex(at: number, units: number): number {
    for (let left = units; left > 0; left--) {
      if (this.#text[at] !== '\\') at++;
      else at += this.#text[at + 1] === 'u' ? 6 : 2;
    }
    return at;
  }

  /** The deepest node along the path; `whole` when it is the path's end. */
  #node(path: string): { node: Node; whole: boolean } {
    let node = this.#root();
    for (const step of stepsOf(path)) {
      const next = childOf(node, step);
      if (next === undefined) return { node, whole: false };
      node = next;
    }
    return { node, whole: true };
  }

  #root(): Node {
    this.#tree ??= parseWithPlaces(this.#text) ?? { type: 'null', offset: 0, length: this.#text.length };
    return this.#tree;
  }
}

/** Undefined for a text nested deeper than the stack: its problems then mark all of it. */
function parseWithPlaces(text: string): Node | undefined {
  try {
    return parseTree(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The field names and list indices that a path goes through. */
export function stepsOf(path: string): (string | number)[] {
  return [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

function childOf(node: Node, step: string | number): Node | undefined {
  if (typeof step === 'number') return node.type === 'array' ? node.children?.[step] : undefined;
  if (node.type !== 'object') return undefined;
  // Of fields with one name JSON.parse takes the last.
  return node.children?.filter((property) => property.children?.[0]?.value === step).at(-1)?.children?.[1];
}

function spanOf(node: Node): Span {
  return { start: node.offset, end: node.offset + node.length };
}
