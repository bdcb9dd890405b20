import { WishboneError } from '../errors.js';
import { readRun } from '../run/folder.js';
import { evaluatesTrained, isTrainedOn } from '../run/trained-on.js';
import { type Completion, sampledModels, Sampler } from '../sample/index.js';
import type { WorkOptions } from '../work/progress.js';
import { type Comparison, completeSides } from './complete-sides.js';
import { isLoopback, JudgeEndpoint } from './endpoint.js';
import { Known } from './known.js';
import { findPrompts, type FoundPrompts, type JudgedPrompt, type PromptSource, promptSource } from './prompts.js';
import { question, QUESTION_TOKENS, saidIn } from './question.js';
import {
  comparisonId,
  type JudgeHead,
  judgeKey,
  keptJudge,
  lineKey,
  readRecord,
  readRecords,
  recordFile,
  RecordWriter,
  type SideName,
  SIDES,
  type Usage,
  type Verdict,
} from './record.js';
import { type JudgeReport, reportOf } from './report.js';
import type { EndpointJudge, JudgeRequest } from './request.js';
import { ruleOf, type Winner } from './rules.js';
import { firstSide, longestOf, secondSide, type Side } from './sides.js';

/** What judging will take, before it begins. */
export interface JudgePlan {
  /** Where it is kept. */
  readonly file: string;
  readonly head: JudgeHead;
  readonly prompts: number;
  /** Prompts that were passed over: too long for the models with a completion. */
  readonly tooLong: number;
  /** Completions that are not there yet. */
  readonly completions: number;
  /**
   * What the endpoint is asked for, at most: completions that are not there yet count as long as they may become, answers too. Tokens are
   * those of the run's tokenizer.
   */
  readonly usage: Usage;
  /** It may cost something: the endpoint is not on this machine, or wants a key. */
  readonly isPaid: boolean;
  /** The prompts are pairs that the run was trained on. */
  readonly isTrainedOn: boolean;
}

/** What is known before anything is computed. */
interface Prepared extends Comparison {
  readonly plan: JudgePlan;
}

/** The prompts of a request as its models read them. */
interface ReadyPrompts {
  /** Equal where they would be the same. */
  readonly key: string;
  readonly sampler: Sampler;
  readonly found: FoundPrompts;
}

/** Judging, and what it would take. A request that is looked at first and judged then has its prompts prepared once. */
export class Judging {
  #ready: ReadyPrompts | undefined;

  /**
   * What {@link judge} would do.
   *
   * @throws WishboneError as that, for what is wrong before the first completion
   */
  async plan(request: JudgeRequest): Promise<JudgePlan> {
    return (await this.#prepare(request)).plan;
  }

  /**
   * Has both sides complete held-out prompts, and the texts judged in both orders. Completions and verdicts are written as they come, so
   * that whatever ends it, what there is stays, and is not asked for again.
   *
   * @returns what the comparison's file has then
   * @throws WishboneError for bad input, with what the runner says, and when the judge cannot be asked; the signal's reason
   */
  async judge(request: JudgeRequest, work: WorkOptions = {}): Promise<JudgeReport> {
    const prepared = await this.#prepare(request);
    const { plan, prompts } = prepared;
    const writer = await RecordWriter.open(request.folder, plan.head);
    try {
      for (const { key, text, tokens } of prompts) await writer.prompt(key, text, tokens.length);
      await completeSides(request, prepared, writer, work);
      if (request.judge.kind === 'rule') await judgeByRule(request, prepared, writer);
      else await judgeByEndpoint(request, request.judge, prepared, writer, work);
      return reportOf(writer.record);
    } finally {
      await writer.close();
    }
  }

  async #prepare(request: JudgeRequest): Promise<Prepared> {
    const { judge, ask, sampling, count } = request;
    // What is wrong with them is said before anything is computed.
    if (judge.kind === 'rule') ruleOf(judge);
    else new JudgeEndpoint(judge, ask, new AbortController().signal);
    const { folder, config } = await readRun(request.folder);
    const source = await promptSource(config, request.dataset);
    const models = await sampledModels(folder);
    const first = await firstSide(config.name, models);
    const second = await secondSide(config.name, models, request.against);
    if (first.key === second.key) {
      const advice = 'name another run, another model, or the responses of the dataset';
      throw new WishboneError('both sides are the same model', folder, advice);
    }
    const longest = Math.min(...(await Promise.all([first, second].map(longestOf)))) - sampling.max_new_tokens;
    const { sampler, found } = await this.#prompts(folder, source, { count, longest, first });
    const { prompts, tooLong } = found;
    const named = ({ label, key }: Side) => ({ label, key });
    const facts = { first: named(first), second: named(second), sampling, judge: keptJudge(judge), prompts: source };
    const head: JudgeHead = { id: comparisonId(facts), created: new Date().toISOString(), ...facts };
    const file = recordFile(folder, head.id);
    // A file that is there and cannot be read is not written over.
    await readRecord(file);
    const known = new Known(await readRecords(folder), judgeKey(head.judge));
    const sides = { first, second };
    const isKnown = source.from === 'dataset' ? isTrainedOn(config, source.sha256) : evaluatesTrained(config);
    const plan = {
      ...{ file, head, prompts: prompts.length, tooLong, isTrainedOn: isKnown },
      ...costOf(request, prompts, sides, head, known, sampler),
      isPaid: judge.kind === 'endpoint' && (!isLoopback(judge.url) || ask.key !== undefined),
    };
    return { plan, head, sampler, prompts, sides, known };
  }

  /** @param first whose tokenizer and template read the prompts */
  async #prompts(
    folder: string,
    source: PromptSource,
    { count, longest, first }: { readonly count: number; readonly longest: number; readonly first: Side },
  ): Promise<ReadyPrompts> {
    const key = JSON.stringify([folder, source, count, longest, first.key]);
    if (this.#ready?.key === key) return this.#ready;
    const sampler = await Sampler.open(folder);
    const { tokenizer, ends, model } = sampler;
    const found = await findPrompts(folder, source, count, { tokenizer, ends, vocabSize: model.config.vocabSize, longest });
    return (this.#ready = { key, sampler, found });
  }
}

/** What was judged of a run, the newest first. @throws WishboneError when it is no run */
export async function readJudgements(folder: string): Promise<JudgeReport[]> {
  const run = await readRun(folder);
  return (await readRecords(run.folder)).map(reportOf);
}

/** One of a run's comparisons, with the heads of all. */
export interface Judgement {
  /** The newest first. */
  readonly heads: readonly JudgeHead[];
  /** Undefined where nothing was judged. */
  readonly report: JudgeReport | undefined;
}

/** @param id of the comparison; by default, or where there is none such, the newest */
export async function readJudgement({ folder, id }: { readonly folder: string; readonly id?: string | undefined }): Promise<Judgement> {
  const run = await readRun(folder);
  const records = await readRecords(run.folder);
  const record = records.find(({ head }) => head.id === id) ?? records[0];
  return { heads: records.map(({ head }) => head), report: record === undefined ? undefined : reportOf(record) };
}

function costOf(
  { judge, sampling }: JudgeRequest,
  prompts: readonly JudgedPrompt[],
  sides: Readonly<Record<SideName, Side>>,
  head: JudgeHead,
  known: Known,
  sampler: Sampler,
): Pick<JudgePlan, 'completions' | 'usage'> {
  let completions = 0;
  let usage: Usage = { requests: 0, input: 0, output: 0 };
  for (const prompt of prompts) {
    let length = prompt.tokens.length + QUESTION_TOKENS;
    const texts: (string | undefined)[] = [];
    for (const side of SIDES) {
      const text = textOf(sides[side], prompt, known.completion({ head, side, prompt: prompt.key }));
      texts.push(text);
      if (text === undefined) completions++;
      length += text === undefined ? sampling.max_new_tokens : sampler.tokenizer.encode(text, false).length;
    }
    if (judge.kind === 'rule') continue;
    const [first, second] = texts;
    for (const order of SIDES) {
      if (first !== undefined && second !== undefined) {
        if (first === second || !isOpen(known.verdict(order, prompt.text, first, second), judge)) continue;
      }
      usage = { requests: usage.requests + 1, input: usage.input + length, output: usage.output + judge.max_tokens };
    }
  }
  return { completions, usage };
}

/** The text of a side, as far as it is there. */
function textOf({ response }: Side, prompt: JudgedPrompt, completion: Completion | undefined): string | undefined {
  return response === undefined ? completion?.text : prompt[response];
}

/** Whether a verdict is to be asked for: there is none, or it was cut off and may become longer now. */
function isOpen(verdict: Verdict | undefined, { max_tokens }: EndpointJudge): boolean {
  return verdict === undefined || (verdict.winner === null && verdict.cut !== undefined && verdict.cut < max_tokens);
}

async function judgeByRule({ judge }: JudgeRequest, { prompts }: Prepared, writer: RecordWriter): Promise<void> {
  if (judge.kind !== 'rule') return;
  const rule = ruleOf(judge);
  for (const { key, chosen } of prompts) {
    if (writer.record.verdicts.has(lineKey('none', key))) continue;
    const [first, second] = textsIn(writer, key);
    await writer.verdict('none', key, { ...rule(first, second, chosen), input: 0, output: 0 });
  }
}

function textsIn({ record }: RecordWriter, key: string): [first: string, second: string] {
  const text = (side: SideName): string => record.completions.get(lineKey(side, key))?.text ?? '';
  return [text('first'), text('second')];
}

const SAME = 'both texts are the same';

async function judgeByEndpoint(
  { ask }: JudgeRequest,
  judge: EndpointJudge,
  { prompts, known }: Prepared,
  writer: RecordWriter,
  { signal, onProgress }: WorkOptions,
): Promise<void> {
  const { verdicts } = writer.record;
  const open: { readonly prompt: JudgedPrompt; readonly order: SideName }[] = [];
  for (const prompt of prompts) {
    const { key, text } = prompt;
    const [first, second] = textsIn(writer, key);
    if (first === second) {
      if (!verdicts.has(lineKey('none', key))) await writer.verdict('none', key, { winner: 'tie', words: SAME, input: 0, output: 0 });
      continue;
    }
    for (const order of SIDES) {
      const own = verdicts.get(lineKey(order, key));
      if (own !== undefined && !isOpen(own, judge)) continue;
      const other = known.verdict(order, text, first, second);
      if (own === undefined && other !== undefined && !isOpen(other, judge)) await writer.verdict(order, key, { ...other, reused: true });
      else open.push({ prompt, order });
    }
  }
  const total = prompts.length * 2;
  let done = total - open.length;
  const tell = (): void => onProgress?.({ phase: 'verdicts', done, total });
  tell();
  const failed = new AbortController();
  const endpoint = new JudgeEndpoint(judge, ask, signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]));
  let written = Promise.resolve();
  const keep = (order: SideName, key: string, verdict: Verdict): Promise<void> =>
    (written = written.then(() => writer.verdict(order, key, verdict)));
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let job = open[next++]; job !== undefined; job = open[next++]) {
      const { prompt, order } = job;
      const texts = textsIn(writer, prompt.key);
      const [a, b] = order === 'first' ? texts : [texts[1], texts[0]];
      const { words, cut, input, output } = await endpoint.ask(question(prompt.text, a, b));
      const verdict = { winner: winnerOf(words, order), words, input, output, ...(cut ? { cut: judge.max_tokens } : {}) };
      await keep(order, prompt.key, verdict);
      done++;
      tell();
    }
  };
  const workers = Array.from({ length: Math.max(1, Math.min(ask.atOnce, open.length)) }, () =>
    worker().catch((error: unknown) => {
      // What is on its way is not waited for: nobody would ask for the rest.
      failed.abort(error);
      throw error;
    }),
  );
  const ended = await Promise.allSettled(workers);
  signal?.throwIfAborted();
  const problem = ended.find((each): each is PromiseRejectedResult => each.status === 'rejected');
  if (problem !== undefined) throw (failed.signal.reason ?? problem.reason) as Error;
}

/** @param order whose text was shown first, as A */
function winnerOf(words: string, order: SideName): Winner | null {
  const said = saidIn(words);
  if (said === undefined) return null;
  if (said === 'tie') return 'tie';
  const other = order === 'first' ? 'second' : 'first';
  return said === 'A' ? order : other;
}
