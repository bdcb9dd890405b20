import path from 'node:path';
import { configProblems, configText, CONFIG_SUFFIX } from '../config-file/index.js';
import { WishboneError } from '../errors.js';
import { Conversion, type ConversionNote, type Target, Unconvertible } from './conversion.js';
import { convertLlamaFactory, LLAMA_FACTORY_NAMES } from './llama-factory.js';
import { recognise, type Recognised, type Source, sourceLabel } from './recognise.js';
import { convertRest } from './rest.js';
import { convertTrl, TRL_NAMES } from './trl.js';
import { yamlSettings } from './yaml-settings.js';

export type { ConversionNote } from './conversion.js';
export { type Recognised, type Source, SOURCES } from './recognise.js';

/** A YAML file as a run config. */
export interface ConvertedConfig {
  /** The tool, and its trainer where it is not DPO's: `TRL`, `TRL, ORPO`, `LLaMA-Factory`. */
  readonly from: string;
  /** Of the `*.wishbone.json`: valid, with what was assumed, lost or changed as comments at its beginning. */
  readonly text: string;
  /** Settings that are in it as they were. */
  readonly carried: number;
  /** What became of the others, by line. */
  readonly notes: readonly ConversionNote[];
}

export interface ConvertOptions {
  /** That the YAML's run would have used: its batch size is per device. */
  readonly devices?: number;
  /** The trainer that the file is for; without it, it is told from the file. */
  readonly from?: Source | undefined;
}

/**
 * Reads a training config of TRL (`DPOConfig`, `ORPOConfig` or `CPOConfig` and the other arguments of its scripts), SimPO or
 * LLaMA-Factory (`stage: dpo`). Where one of their defaults is not Wishbone's, the result says theirs.
 *
 * @param file absolute, the YAML's; paths in it are looked for in its folder and those above
 * @param output absolute: where the result will be written; paths in it are relative to that
 * @throws WishboneError for text that is no YAML of these kinds, and for a loss or a trainer that is not here
 */
export function convertConfig(text: string, file: string, output: string, options: ConvertOptions = {}): ConvertedConfig {
  const settings = yamlSettings(text, file);
  const { source, assumed } = options.from === undefined ? recognise(settings, text, file) : { source: options.from };
  const conversion = new Conversion(settings, path.dirname(file), options.devices ?? 1);
  if (assumed !== undefined) conversion.assumed('trainer', assumed);
  carryOver(conversion, source, file);
  dropContradictions(conversion, output);
  const notes = conversion.notes.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const about = (kind: ConversionNote['kind'], title: string): string[] => {
    const some = notes.filter((note) => note.kind === kind);
    return some.length === 0 ? [] : [title, ...some.map((note) => `  ${noteText(note)}`)];
  };
  const from = sourceLabel(source);
  const head = [
    `From ${path.basename(file)} (${from}).`,
    ...about('assumed', 'Assumed:'),
    ...about('lost', 'Not carried over:'),
    ...about('changed', 'Carried over with a difference:'),
  ];
  const result = configText(conversion.result(), path.dirname(output), new Map([['', head]]));
  return { from, text: result, carried: conversion.carried, notes };
}

/**
 * Which trainer a YAML is for.
 *
 * @throws WishboneError as `convertConfig`
 */
export function recogniseConfig(text: string, file: string): Recognised {
  return recognise(yamlSettings(text, file), text, file);
}

function carryOver(conversion: Conversion, source: Source, file: string): void {
  try {
    if (source === 'llama-factory') convertLlamaFactory(conversion);
    else convertTrl(conversion, source);
    convertRest(conversion, source, source === 'llama-factory' ? LLAMA_FACTORY_NAMES : TRL_NAMES);
  } catch (error) {
    if (!(error instanceof Unconvertible)) throw error;
    const line = conversion.lineOf(error.setting);
    throw new WishboneError(error.what, `${file}${line === undefined ? '' : `:${line}`}, field ${error.setting}`, error.advice);
  }
}

/** `line 12, optim: adamw_8bit: why`, in one line. */
export function noteText({ line, name, value, kind, text }: ConversionNote): string {
  const shown = value === undefined ? '' : ` ${JSON.stringify(value)}`;
  const short = shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
  if (kind === 'assumed') return `${name}: ${text}`;
  return `${line === undefined ? 'by default' : `line ${line}`}, ${name}${short === '' ? '' : `:${short}`}: ${text}`;
}

/** Where a YAML's run config is written when nobody says where. */
export function convertedName(file: string): string {
  return path.join(path.dirname(file), `${path.basename(file).replace(/\.(ya?ml|json)$/i, '')}${CONFIG_SUFFIX}`);
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
