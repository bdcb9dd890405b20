import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const repository = path.resolve(import.meta.dirname, '../../..');

/** An import of a file of the project. */
export interface Import {
  readonly from: string;
  /** A file of the project, by its path in the repository, or a package. */
  readonly to: string;
  /** It is gone once the types are: nothing is loaded because of it. */
  readonly typeOnly: boolean;
}

const statement = /^(?:import|export)\s+(type\s+)?(?:([\w*{},\s]+?)\s+from\s+)?'([^']+)';/gm;
const call = /\bimport\(\s*'([^']+)'\s*\)/g;

/** All TypeScript files of `src` and `webview`, by their paths in the repository. */
export function projectFiles(): string[] {
  return ['src', 'webview'].flatMap((folder) =>
    readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => path.join(folder, file)),
  );
}

/** What all of these import. */
export function projectImports(): Import[] {
  return projectFiles().flatMap((from) => {
    const text = readFileSync(path.join(repository, from), 'utf8');
    const resolve = (specifier: string): string =>
      specifier.startsWith('.') ? path.join(path.dirname(from), specifier).replace(/\.js$/, '.ts') : specifier;
    const found = [...text.matchAll(statement)].map(([, type, names = '', specifier]): Import => {
      const braced = /^\{([^}]*)\}$/s.exec(names.trim())?.[1];
      const words = braced
        ?.split(',')
        .map((word) => word.trim())
        .filter((word) => word !== '');
      const areTypes = words !== undefined && words.length > 0 && words.every((word) => word.startsWith('type '));
      return { from, to: resolve(specifier!), typeOnly: type !== undefined || areTypes };
    });
    const dynamic = [...text.matchAll(call)].map(([, specifier]): Import => ({ from, to: resolve(specifier!), typeOnly: false }));
    return [...found, ...dynamic];
  });
}

/** Files that reach each other, each group sorted (Tarjan's strongly connected components of more than one). */
export function circles(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    stack.push(file);
    for (const to of next.get(file) ?? []) {
      if (!index.has(to)) visit(to);
      if (stack.includes(to)) low.set(file, Math.min(low.get(file)!, low.get(to)!));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1 || (next.get(file) ?? []).includes(file)) found.push(group.sort());
  };
  for (const file of next.keys()) if (!index.has(file)) visit(file);
  return found.sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
}
