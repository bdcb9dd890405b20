import type { Nodes, Parents, Root } from 'mdast';
import { isWebAddress, type MarkElement, type MarkNode } from '../protocol/markdown.js';

/** More levels are nobody's notes: what is deeper is left out. */
const DEEPEST = 60;

/**
 * Markdown (CommonMark, and what GitHub adds to it) as pages show it. HTML in it is shown as text, links lead to the web or
 * nowhere, and pictures are their words: notes come with run folders, and these from anywhere.
 */
export async function readMarkdown(text: string): Promise<MarkNode[]> {
  if (text.trim() === '') return [];
  const [{ fromMarkdown }, { gfmFromMarkdown }, { gfm }] = await Promise.all([
    import('mdast-util-from-markdown'),
    import('mdast-util-gfm'),
    import('micromark-extension-gfm'),
  ]);
  const root = fromMarkdown(text, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  return new Reader(root).read();
}

class Reader {
  readonly #root: Root;
  /** Where links by name lead. */
  readonly #links = new Map<string, string>();

  constructor(root: Root) {
    this.#root = root;
    for (const node of root.children) if (node.type === 'definition') this.#links.set(node.identifier, node.url);
  }

  read(): MarkNode[] {
    return this.#inside(this.#root, 0);
  }

  #inside({ children }: Parents, depth: number): MarkNode[] {
    return depth > DEEPEST ? [] : children.flatMap((node) => this.#node(node, depth + 1));
  }

  #node(node: Nodes, depth: number): MarkNode[] {
    const made = (tag: string, more: Partial<MarkElement> = {}): MarkNode[] => [
      { tag, inside: 'children' in node ? this.#inside(node, depth) : [], ...more },
    ];
    switch (node.type) {
      case 'text':
      case 'html':
        return [node.value];
      case 'paragraph':
        return made('p');
      case 'heading':
        // The page has headings of its own above them.
        return made(`h${Math.min(6, node.depth + 2)}`);
      case 'emphasis':
        return made('em');
      case 'strong':
        return made('strong');
      case 'delete':
        return made('del');
      case 'inlineCode':
        return made('code', { inside: [node.value] });
      case 'code':
        return made('pre', { inside: [node.value] });
      case 'blockquote':
        return made('blockquote');
      case 'list':
        return made(node.ordered ? 'ol' : 'ul', node.ordered && typeof node.start === 'number' ? { start: node.start } : {});
      case 'listItem':
        return made('li', typeof node.checked === 'boolean' ? { done: node.checked } : {});
      case 'link':
        return made('a', isWebAddress(node.url) ? { href: node.url } : {});
      case 'linkReference': {
        const url = this.#links.get(node.identifier);
        return made('a', url !== undefined && isWebAddress(url) ? { href: url } : {});
      }
      case 'image':
      case 'imageReference':
        return [node.alt ?? ''];
      case 'thematicBreak':
        return made('hr');
      case 'break':
        return made('br');
      case 'table': {
        const [head, ...rows] = node.children;
        const row = (cells: (typeof node.children)[number] | undefined, tag: string): MarkNode[] =>
          cells === undefined
            ? []
            : [{ tag: 'tr', inside: cells.children.map((cell) => ({ tag, inside: this.#inside(cell, depth + 1) })) }];
        return made('table', { inside: [...row(head, 'th'), ...rows.flatMap((each) => row(each, 'td'))] });
      }
      case 'footnoteReference':
        return [`[${node.identifier}]`];
      case 'footnoteDefinition':
        return [{ tag: 'p', inside: [`[${node.identifier}] `] }, ...this.#inside(node, depth)];
      default:
        return 'children' in node ? this.#inside(node, depth) : [];
    }
  }
}
