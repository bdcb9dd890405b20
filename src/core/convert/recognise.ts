import path from 'node:path';
import { WishboneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
import { LLAMA_FACTORY_MARKS, PREFERENCE_MARKS } from './llama-factory-marks.js';
import { otherTool } from './other-tools.js';
import { COMMON_SETTINGS, TELLING, TRL_TRAINERS, type TrlTrainer } from './trl-trainers.js';
import type { YamlSetting } from './yaml-settings.js';

/** Trainers whose files are carried over, as `--from` names them. */
export const SOURCES = ['trl-dpo', 'trl-orpo', 'trl-cpo', 'simpo', 'llama-factory'] as const;
export type Source = (typeof SOURCES)[number];

/** What a file is. */
export interface Recognised {
  readonly source: Source;
  /** Why it was taken for this, when its settings alone do not say so. */
  readonly assumed?: string;
}

const SOURCE_OF: Readonly<Record<string, Source>> = { DPO: 'trl-dpo', ORPO: 'trl-orpo', CPO: 'trl-cpo', SimPO: 'simpo' };
/** What `--from` calls a trainer; undefined when it is refused. */
export function sourceOf({ name }: TrlTrainer): Source | undefined {
  return SOURCE_OF[name];
}

const OTHERWISE = 'use --from to change that (trl-dpo, trl-orpo, trl-cpo, simpo, llama-factory)';

/** The tool's name, and the trainer's where it is not the usual one. */
export function sourceLabel(source: Source): string {
  const labels = {
    'trl-dpo': 'TRL',
    'trl-orpo': 'TRL, ORPO',
    'trl-cpo': 'TRL, CPO',
    simpo: 'SimPO',
    'llama-factory': 'LLaMA-Factory',
  };
  return labels[source];
}

/**
 * Which trainer a file is written for: by its settings, of which each trainer has its own; where these fit several, by what
 * the file says of itself (a class in a comment, its name, its output folder).
 *
 * @param text the file's, for its comments
 * @param file absolute; named in errors
 * @throws WishboneError for a file of a trainer or tool that is not carried over, or of none at all
 */
export function recognise(settings: readonly YamlSetting[], text: string, file: string): Recognised {
  const other = otherTool(settings);
  if (other !== undefined) {
    throw new WishboneError(`the file is ${other.what}`, `${file}:${other.mark.line}, field ${other.mark.name}`, other.advice);
  }
  const factory = settings.find(({ name }) => LLAMA_FACTORY_MARKS.includes(name));
  if (factory !== undefined) return recogniseLlamaFactory(settings, factory, file);
  const telling = settings.filter(({ name }) => TELLING.has(name) && !COMMON_SETTINGS.has(name));
  const names = settings.map(({ name }) => name);
  const known = [...COMMON_SETTINGS, ...TELLING];
  if (
    !names.some((name) => COMMON_SETTINGS.has(name) || TELLING.has(name) || RECIPE.test(name) || nearestName(name, known) !== undefined)
  ) {
    throw new WishboneError(
      'none of its settings belongs to TRL or LLaMA-Factory',
      file,
      'give a training config of TRL or LLaMA-Factory, or name the trainer with --from',
    );
  }
  return recogniseTrainer(settings, telling, text, file);
}

/** Settings of recipes around TRL (alignment-handbook). */
const RECIPE = /^(dataset_|hub_|preprocessing_|chat_template|tokenizer_name|env$)/;

function recogniseLlamaFactory(settings: readonly YamlSetting[], mark: YamlSetting, file: string): Recognised {
  const stage = settings.find(({ name }) => name === 'stage');
  const refuse = (what: string, line: number): never => {
    throw new WishboneError(what, `${file}:${line}, field stage`, 'give one with "stage: dpo"');
  };
  if (stage !== undefined && stage.value !== null) {
    if (stage.value !== 'dpo')
      refuse(
        `the file trains ${JSON.stringify(stage.value)}, not preferences: ${STAGES[String(stage.value)] ?? 'LLaMA-Factory has no such stage'}`,
        stage.line,
      );
    return { source: 'llama-factory' };
  }
  const preference = settings.find(({ name }) => PREFERENCE_MARKS.includes(name));
  if (preference === undefined)
    refuse(`the file has no stage, and the default of LLaMA-Factory is "sft": ${STAGES['sft'] as string}`, mark.line);
  return {
    source: 'llama-factory',
    assumed: `there is no "stage" (the default is "sft"); assumed to be "stage: dpo", which ${(preference as YamlSetting).name} belongs to`,
  };
}

const STAGES: Readonly<Record<string, string>> = {
  sft: 'it trains on single texts',
  pt: 'it trains on plain text',
  rm: 'it trains a model that scores responses',
  ppo: 'it trains on answers that the model writes during training',
  kto: 'it trains on single responses, each good or bad',
};

function recogniseTrainer(settings: readonly YamlSetting[], telling: readonly YamlSetting[], text: string, file: string): Recognised {
  const loss = settings.find(({ name }) => name === 'loss_type')?.value ?? undefined;
  const strangers = (trainer: TrlTrainer): readonly YamlSetting[] => telling.filter(({ name }) => !trainer.settings.has(name));
  const takes = (trainer: TrlTrainer): boolean => {
    if (loss === undefined) return true;
    // A sum of losses is DPO's alone.
    if (Array.isArray(loss)) return trainer.name === 'DPO';
    return trainer.losses === undefined ? trainer.settings.has('loss_type') : trainer.losses.includes(String(loss));
  };
  const fewest = Math.min(...TRL_TRAINERS.map((trainer) => strangers(trainer).length));
  const closest = TRL_TRAINERS.filter((trainer) => strangers(trainer).length === fewest);
  const fitting = closest.filter(takes);
  // An unknown loss says nothing of the trainer.
  const candidates = fitting.length > 0 ? fitting : closest;
  const declared = statement(settings, text, file);
  const said = declared.find(({ word }) => candidates.some((one) => one.words.includes(word)));
  const only = candidates.length === 1 ? candidates[0] : undefined;
  const chosen = only ?? candidates.find(({ words }) => said !== undefined && words.includes(said.word)) ?? (candidates[0] as TrlTrainer);
  if (chosen.refused !== undefined) refuse(chosen, candidates, said, telling, loss, settings, file);
  const source = sourceOf(chosen) as Source;
  if (only !== undefined) return { source };
  const others = candidates.filter(({ refused, name }) => refused === undefined && name !== chosen.name).map(({ name }) => name);
  const might = others.length === 0 ? '' : ` (its settings are ${others.join("'s and ")}'s too)`;
  return said === undefined
    ? {
        source,
        assumed: `nothing in the file says which trainer it is for${might}: assumed to be TRL's ${chosen.name}; ${OTHERWISE}`,
      }
    : { source, assumed: `assumed to be ${chosen.name}, as ${said.where} says${might}; ${OTHERWISE}` };
}

function refuse(
  trainer: TrlTrainer,
  candidates: readonly TrlTrainer[],
  said: Statement | undefined,
  telling: readonly YamlSetting[],
  loss: unknown,
  settings: readonly YamlSetting[],
  file: string,
): never {
  // What no trainer of pairs has.
  const carried = TRL_TRAINERS.filter(({ refused }) => refused === undefined);
  const mark =
    telling.find(({ name }) => carried.every((one) => !one.settings.has(name))) ??
    (loss === undefined ? undefined : settings.find(({ name }) => name === 'loss_type'));
  const names = candidates.filter(({ refused }) => refused !== undefined).map(({ name }) => name);
  const like =
    said === undefined && names.length > 1 && names.length <= 4 ? ` (or ${names.filter((name) => name !== trainer.name).join(', ')})` : '';
  throw new WishboneError(
    `the file is for ${trainer.name}${like} of TRL${said !== undefined && mark === undefined ? `, as ${said.where} says` : ''}: ${trainer.refused as string}`,
    mark === undefined ? file : `${file}:${mark.line}, field ${mark.name}`,
    `give a config of DPO, ORPO, CPO or SimPO; if it is one, add --from, for example --from trl-dpo`,
  );
}

interface Statement {
  /** A word of a trainer. */
  readonly word: string;
  readonly where: string;
}

/** What a file says of its trainer, the plainest first: a setting for it, a class, the file's name, where results go. */
function statement(settings: readonly YamlSetting[], text: string, file: string): readonly Statement[] {
  const words = TRL_TRAINERS.flatMap(({ words }) => words).sort((a, b) => b.length - a.length);
  const valueOf = (name: string): string => {
    const value = settings.find((one) => one.name === name)?.value;
    return typeof value === 'string' ? value : '';
  };
  const comments = text
    .split('\n')
    .flatMap((line) => /(?:^|\s)#(.*)$/.exec(line)?.[1] ?? [])
    .join('\n');
  const classes = [
    ...comments.matchAll(/\b([A-Za-z]+?) ?(?:Trainer|Config|trainer|training config)\b/g),
    ...comments.matchAll(/\btrl ([a-z_]+)\b/g),
    ...comments.matchAll(/([a-z_]+)\.py\b/g),
  ].map(([, name]) => (name as string).toLowerCase());
  const places: readonly (readonly [where: string, texts: readonly string[]])[] = [
    ...['trainer', 'trainer_type', 'trainer_name', 'method', 'training_type', 'command', 'task', 'algorithm', 'alignment_method'].map(
      (name): readonly [string, readonly string[]] => [name, [valueOf(name)]],
    ),
    ['a comment', classes],
    ["the file's name", [path.basename(file)]],
    ["its folder's name", [path.basename(path.dirname(file))]],
    ...['output_dir', 'hub_model_id', 'run_name'].map((name): readonly [string, readonly string[]] => [name, [valueOf(name)]]),
  ];
  return places.flatMap(([where, texts]) => {
    const found = new Set(texts.flatMap((one) => wordsIn(one.toLowerCase(), words)));
    // One that names two trainers names none.
    return found.size === 1 ? [{ word: [...found][0] as string, where }] : [];
  });
}

/** The words that stand in a text by themselves; of overlapping ones the longest. */
function wordsIn(text: string, words: readonly string[]): readonly string[] {
  const found: string[] = [];
  let rest = text;
  for (const word of words) {
    const pattern = new RegExp(`(?<![a-z])${word}(?:trainer|config)?(?![a-z])`, 'g');
    if (!pattern.test(rest)) continue;
    found.push(word);
    rest = rest.replace(pattern, ' ');
  }
  return found;
}
