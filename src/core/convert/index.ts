import path from 'node:path';
import { configProblems, configText, CONFIG_SUFFIX } from '../config-file/index.js';
import { Conversion, type ConversionNote, type Target } from './conversion.js';
import { convertLlamaFactory, LLAMA_FACTORY_MARKS, LLAMA_FACTORY_NAMES } from './llama-factory.js';
import { convertRest } from './rest.js';
import { convertTrl, TRL_NAMES } from './trl.js';
import { yamlSettings } from './yaml-settings.js';

export { type ConversionNote } from './conversion.js';

/** A YAML file as a run config. */
export interface ConvertedConfig {
  readonly from: 'TRL' | 'LLaMA-Factory';
  /** Of the `*.wishbone.json`: valid, with what was lost or changed as comments at its beginning. */
  readonly text: string;
  /** Settings that are in it as they were. */
  readonly carried: number;
  /** What became of the others, by line. */
  readonly notes: readonly ConversionNote[];
}

/**
 * Reads a training config of TRL (`DPOConfig` and the other arguments of its scripts) or LLaMA-Factory (`stage: dpo`).
 * Where one of their defaults is not Wishbone's, the result says theirs.
 *
 * @param file absolute, the YAML's; paths in it are looked for in its folder and those above
 * @param output absolute: where the result will be written; paths in it are relative to that
 * @param devices that the YAML's run would have used: its batch size is per device
 * @throws WishboneError for text that is no YAML of these kinds
 */
export function convertConfig(text: string, file: string, output: string, devices = 1): ConvertedConfig {
  const settings = yamlSettings(text, file);
  const from = settings.some(({ name }) => LLAMA_FACTORY_MARKS.includes(name)) ? 'LLaMA-Factory' : 'TRL';
  const conversion = new Conversion(settings, path.dirname(file), devices);
  if (from === 'TRL') convertTrl(conversion);
  else convertLlamaFactory(conversion, file);
  convertRest(conversion, from === 'TRL' ? TRL_NAMES : LLAMA_FACTORY_NAMES);
  dropContradictions(conversion, output);
  const notes = conversion.notes.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const about = (kind: ConversionNote['kind'], title: string): string[] => {
    const some = notes.filter((note) => note.kind === kind);
    return some.length === 0 ? [] : [title, ...some.map((note) => `  ${noteText(note)}`)];
  };
  const head = [
    `From ${path.basename(file)} (${from}).`,
    ...about('lost', 'Not carried over:'),
    ...about('changed', 'Carried over, with a difference:'),
  ];
  const result = configText(conversion.result(), path.dirname(output), new Map([['', head]]));
  return { from, text: result, carried: conversion.carried, notes };
}

/** `line 12, optim: adamw_8bit: why`, in one line. */
export function noteText({ line, name, value, text }: ConversionNote): string {
  const shown = value === undefined ? '' : ` ${JSON.stringify(value)}`;
  const short = shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
  return `${line === undefined ? 'by default' : `line ${line}`}, ${name}${short === '' ? '' : `:${short}`}: ${text}`;
}

/** Where a YAML's run config is written when nobody says where. */
export function convertedName(file: string): string {
  return path.join(path.dirname(file), `${path.basename(file).replace(/\.ya?ml$/i, '')}${CONFIG_SUFFIX}`);
}

/** Options that contradict others are left out, so that the result can be used as it is. */
function dropContradictions(conversion: Conversion, output: string): void {
  for (;;) {
    const [problem] = configProblems(configText(conversion.result(), path.dirname(output)), output);
    if (problem === undefined) return;
    // Something to evaluate on, and no evaluation.
    const [idle] = (['plan.eval_fraction', 'eval_dataset'] as const).filter((target) => conversion.get(target) !== undefined);
    const given = conversion.get(problem.field as Target) !== undefined;
    const target = given ? (problem.field as Target) : problem.field === 'training.eval_steps' ? idle : undefined;
    if (target === undefined) return;
    conversion.remove(target);
    conversion.lost(sourceOf(target), `${problem.what}; ${problem.advice}`);
  }
}

/** What the option may have come from: its own name, unless the YAML has another. */
function sourceOf(target: Target): string {
  return target === 'plan.eval_fraction' ? 'val_size' : (target.split('.').at(-1) as string);
}
