import { existsSync } from 'node:fs';
import path from 'node:path';
import { WishboneError } from '../../errors.js';
import type { EngineFiles } from './protocol.js';

/** Where the engine lies: its thread's code and the interpreter's files. */
export interface EngineInstallation {
  readonly worker: string;
  readonly files: EngineFiles;
}

/**
 * In the packaged extension all is in dist/lib/jinja and dist/workers, seen from a bundle in dist or dist/workers. In the
 * project, where tests run the sources, the files lie where scripts/template-engine.mjs leaves them.
 *
 * @throws WishboneError when it is in neither place
 */
export function engineInstallation(): EngineInstallation {
  const packaged = [__dirname, path.dirname(__dirname)].find((dist) => existsSync(path.join(dist, 'lib/jinja/python.memory')));
  if (packaged !== undefined) {
    const folder = path.join(packaged, 'lib/jinja');
    return {
      worker: path.join(packaged, 'workers/chat-template.mjs'),
      files: { python: folder, memory: path.join(folder, 'python.memory'), program: path.join(folder, 'render.py') },
    };
  }
  const project = path.resolve(__dirname, '../../../..');
  const memory = path.join(project, '.cache/template-engine/python.memory');
  if (existsSync(memory)) {
    return {
      worker: path.join(project, 'src/workers/chat-template.ts'),
      files: {
        python: path.join(project, 'node_modules/pyodide'),
        memory,
        program: path.join(__dirname, 'render.py'),
      },
    };
  }
  throw new WishboneError(
    'the engine for chat templates is missing',
    path.join(__dirname, 'lib/jinja'),
    'reinstall the extension; in the sources, run node scripts/setup.mjs',
  );
}
