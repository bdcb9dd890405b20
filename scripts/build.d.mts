import type { BuildOptions } from 'esbuild';

/** How the thread that renders chat templates is bundled. */
export const forTemplates: BuildOptions;
