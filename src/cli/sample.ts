import type { Command } from 'commander';
import type { Sample } from '../core/sample/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { runTask } from '../core/tasks/index.js';
import { findRunOrModel, RUN_HELP } from './find-run.js';
import { datasetsFromHub } from './hub.js';
import { cancellable } from './interrupt.js';
import { addOptions, between, count, readInput } from './options.js';
import { StatusLine } from './terminal.js';

interface Options extends Record<string, unknown> {
  readonly runs: string;
  readonly prompt?: readonly string[];
  readonly plain?: boolean;
  readonly system?: string;
  readonly messages?: readonly string[];
  readonly step?: number;
  readonly against?: string;
  readonly dataset?: string;
  readonly count: number;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly reference: boolean;
  readonly json?: boolean;
}

export function addSampleCommand(program: Command): void {
  const several = (text: string, before: readonly string[] = []): string[] => [...before, text];
  const command = program
    .command('sample')
    .summary('complete prompts with a trained model and its reference')
    .description('Completes prompts with the trained model of a run and with its reference, or with any model folder.')
    .argument('<run>', `${RUN_HELP}; or a Hugging Face model folder, or id of a model on the hub`)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('-p, --prompt <text>', 'what the user says; can be given more than once', several)
    .option('--system <text>', 'a system prompt before each --prompt')
    .option(
      '--messages <file>',
      'answer the conversation in a JSON file, a list of {"role", "content"}; can be given more than once',
      several,
    )
    .option('--plain', 'continue prompts as plain text, without the chat template')
    .option('--dataset <file>', 'use the first prompts of this preference file, or dataset on the hub')
    .option('--count <number>', 'how many prompts of the dataset', count, 4)
    .option('--max-new-tokens <number>', 'maximum tokens in a completion', count, 128)
    .option('--temperature <number>', '0: always the most likely token', between(0, 1000), 0)
    .option('--top-p <number>', 'sample from the most likely tokens that together have this probability', between(1e-9, 1), 1)
    .option('--seed <number>', 'the same seed gives the same completions', between(0, 2 ** 31 - 1), 0)
    .option('--step <number>', 'the checkpoint of this step instead of what the run exported at its end', count)
    .option('--against <run>', 'another run or model, in the place of the reference')
    .option('--no-reference', 'only the trained model')
    .option('--json', 'print one JSON object');
  addOptions(command, 'runner', ['backend', 'threads', 'deterministic', 'device', 'cublaslt'], true);
  command.action(sampleCommand);
}

async function sampleCommand(named: string, options: Options): Promise<void> {
  const { runner } = await readInput([], options);
  const status = new StatusLine();
  const find = (name: string): Promise<string> => findRunOrModel(name, options.runs, status);
  const [folder, data] = [
    await find(named),
    options.dataset === undefined ? undefined : (await datasetsFromHub([options.dataset], status))[0],
  ];
  const request = {
    folder,
    step: options.step,
    against: options.against === undefined ? undefined : await find(options.against),
    system: options.system,
    messages: options.messages ?? [],
    typed: options.prompt ?? [],
    plain: options.plain === true,
    dataset: data,
    count: options.count,
    sampling: {
      max_new_tokens: options.maxNewTokens,
      temperature: options.temperature,
      top_p: options.topP,
      seed: options.seed,
    },
    withReference: options.reference,
    runner,
  };
  const samples = await cancellable((signal) => runTask('samples', request, { signal }));
  console.log(options.json ? JSON.stringify({ samples }) : samples.map(shown).join('\n\n'));
}

function shown({ prompt, policy, reference, against }: Sample): string {
  return [
    `prompt     ${indented(prompt)}`,
    `policy     ${indented(policy)}`,
    ...(reference === undefined ? [] : [`reference  ${indented(reference)}`]),
    ...(against === undefined ? [] : [`against    ${indented(against)}`]),
  ].join('\n');
}

const indented = (text: string): string => text.trim().replaceAll('\n', `\n${' '.repeat(11)}`);
