// What takes a run's model elsewhere: a GGUF file for llama.cpp and Ollama, and an upload to the hub.
import path from 'node:path';

import * as vscode from 'vscode';

import { ExitCode, WishboneError } from '../../core/errors.js';
import { exportForOllama, GGUF_TYPES, type GgufType, ggufUpload, hasGguf, pushGguf, type WrittenGguf } from '../../core/gguf/index.js';
import { hubSettings, type Pushed, pushFolder } from '../../core/hub/index.js';
import { pushSource } from '../../core/runner/index.js';
import type { Progress } from '../../core/work/progress.js';
import { formatBytes, formatDuration } from '../../format.js';
import { longWork } from '../long-work.js';
import { showInformation, showWarning } from '../messages.js';
import { network } from '../network.js';
import { ensureTrusted } from '../trust.js';

const REVEAL = 'Reveal File';
const REPLACE = 'Replace';
const OPEN_PAGE = 'Open Page';

const TYPES: Readonly<Record<GgufType, { readonly label: string; readonly detail: string }>> = {
  q4_k_m: { label: 'Q4_K_M', detail: 'Smallest: about 5 bits a weight. What Ollama takes by default.' },
  q8_0: { label: 'Q8_0', detail: 'About half of 16 bits, hardly any difference in answers.' },
  bf16: { label: 'BF16', detail: '16 bits; exact where the model was trained in bfloat16.' },
  f16: { label: 'F16', detail: '16 bits; runs fast everywhere.' },
};

/** Asks for a type and writes the model of a run as a GGUF file. @throws WishboneError when it cannot be had, or not exactly */
export async function exportGgufOf(folder: string, name: string, reveal: (file: string) => Promise<void>): Promise<void> {
  if (!(await ensureTrusted())) return;
  const items = [...GGUF_TYPES].reverse().map((type) => ({ type, ...TYPES[type] }));
  const picked = await vscode.window.showQuickPick(items, {
    title: `Export ${name} as GGUF`,
    placeHolder: 'How its weights are stored',
    matchOnDetail: true,
  });
  if (picked === undefined) return;
  const write = (overwrite: boolean): Promise<WrittenGguf | undefined> =>
    following(`Writing ${name} as ${picked.label}`, (work) => exportForOllama({ folder, type: picked.type, overwrite }, work));
  const written = await write(false).catch(async (error: unknown) => {
    if (!(error instanceof WishboneError) || error.exitCode !== ExitCode.cannotWrite || !/already/.test(error.what)) throw error;
    const detail = error.where;
    const choice = await showWarning(`${name} has been written as ${picked.label} before.`, { modal: true, detail }, REPLACE);
    return choice === REPLACE ? write(true) : undefined;
  });
  if (written === undefined) return;
  const { file, notes } = written;
  const where = path.relative(path.dirname(folder), file);
  const said = [`${name} is in ${where}, with a Modelfile for Ollama beside it.`, ...notes.map((note) => `Note: ${note}.`)].join(' ');
  const choice = await showInformation(said, REVEAL);
  if (choice === REVEAL) await reveal(file);
}

/** Asks for a repository and uploads a run's model or adapter, or its GGUF files, to the hub. @throws WishboneError when it cannot be */
export async function pushRun(folder: string, name: string): Promise<void> {
  if (!(await ensureTrusted())) return;
  const what = (await hasGguf(folder)) ? await pickWhat(name) : 'model';
  if (what === undefined) return;
  const settings = await hubSettings(network());
  const proposed = what === 'model' ? pushSource(folder) : ggufUpload(folder);
  const given = await vscode.window.showInputBox({
    title: `Upload ${name} to the Hub`,
    prompt: 'The repository, as org/name; a name alone is one of your own. A new one is private.',
    value: (await proposed.catch(() => undefined))?.name ?? '',
    validateInput: (text) => (text.trim() === '' ? 'Type a name.' : undefined),
  });
  if (given === undefined) return;
  const mayReplace = async (full: string, isPrivate: boolean): Promise<boolean> => {
    const detail = `It is ${isPrivate ? 'private' : 'public: everybody can see it'}. Files of the same names are replaced, others stay.`;
    return (await showWarning(`There is a repository ${full} already.`, { modal: true, detail }, REPLACE)) === REPLACE;
  };
  let declined = false;
  const pushed = await following<Pushed | undefined>(`Uploading ${name}`, async (work) => {
    const asked = async (full: string, isPrivate: boolean): Promise<boolean> => {
      const may = await mayReplace(full, isPrivate);
      declined = !may;
      return may;
    };
    const how = { name: given.trim(), mayReplace: asked };
    const push = async (): Promise<Pushed> =>
      what === 'model'
        ? pushFolder(settings, { ...(await pushSource(folder, { signal: work.signal })), ...how }, work)
        : pushGguf(settings, await ggufUpload(folder, { signal: work.signal }), how, work);
    return push().catch((error: unknown) => {
      if (!declined) throw error;
      return undefined;
    });
  });
  if (pushed === undefined) return;
  const choice = await showInformation(`${name} is uploaded to ${pushed.name} (${formatBytes(pushed.bytes)}).`, OPEN_PAGE);
  if (choice === OPEN_PAGE) await vscode.env.openExternal(vscode.Uri.parse(pushed.url));
}

/** Of a run that has been written for llama.cpp, what is uploaded. */
async function pickWhat(name: string): Promise<'model' | 'gguf' | undefined> {
  const items = [
    { what: 'model' as const, label: 'Model', detail: 'As transformers and PEFT read it.' },
    {
      what: 'gguf' as const,
      label: 'GGUF files',
      detail: 'As llama.cpp and Ollama read it, in a repository of its own.',
    },
  ];
  return (await vscode.window.showQuickPick(items, { title: `Upload ${name} to the Hub`, placeHolder: 'What is uploaded' }))?.what;
}

const PHASES: Readonly<Record<string, string>> = { gguf: 'writing', hash: 'reading', upload: 'uploading' };

/** Does something whose progress is in bytes. */
function following<T>(
  title: string,
  task: (work: { readonly signal: AbortSignal; onProgress(progress: Progress): void }) => Promise<T>,
): Promise<T | undefined> {
  const say = ({ phase, done, total, secondsLeft }: Progress): string => {
    const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`;
    return `${PHASES[phase] ?? phase}, ${formatBytes(done)} of ${formatBytes(total)}${left}`;
  };
  return longWork(title, say, task);
}
