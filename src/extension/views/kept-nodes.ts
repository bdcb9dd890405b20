/** What a tree's nodes are to `keepNodes`. */
export interface NodeKind<N> {
  /** Among all nodes of the tree, and the same every time. */
  readonly id: (node: N) => string;
  readonly children: (node: N) => readonly N[];
  /** What is drawn of a node, apart from its children; compared as JSON. */
  readonly drawn: (node: N) => unknown;
  /** Has a node say what another one says, with these children. */
  readonly take: (node: N, from: N, children: readonly N[]) => void;
}

export interface KeptNodes<N> {
  readonly roots: N[];
  /** There are others than before, or they stand in another order: the tree is to be drawn as a whole. */
  readonly isAnother: boolean;
  /** Else nodes to be drawn anew; none below another one of them, as that is drawn with it. */
  readonly changed: N[];
}

/**
 * Has a tree that was made anew go on with the nodes that are shown, as far as they are the same. VS Code forgets all nodes of a tree that it
 * draws as a whole until it has asked for them again, and what is chosen in the menu of one meanwhile is chosen for none.
 */
export function keepNodes<N>(shown: readonly N[], made: readonly N[], kind: NodeKind<N>): KeptNodes<N> {
  const known = new Map<string, N>();
  const learn = (nodes: readonly N[]): void => {
    for (const node of nodes) {
      known.set(kind.id(node), node);
      learn(kind.children(node));
    }
  };
  learn(shown);
  const ids = (nodes: readonly N[]): string => JSON.stringify(nodes.map(kind.id));
  const changed: N[] = [];
  let isAnother = ids(shown) !== ids(made);
  const keep = (node: N): N => {
    const before = known.get(kind.id(node));
    const at = changed.length;
    const children = kind.children(node).map(keep);
    if (before === undefined) {
      kind.take(node, node, children);
      return node;
    }
    isAnother ||= ids(kind.children(before)) !== ids(children);
    if (!sameText(kind.drawn(before), kind.drawn(node))) changed.splice(at, Infinity, before);
    kind.take(before, node, children);
    return before;
  };
  const roots = made.map(keep);
  return { roots, isAnother, changed: isAnother ? [] : changed };
}

function sameText(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
