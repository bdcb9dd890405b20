// Win rates of a real run: its completions judged by a server of ours on loopback, and by rules.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { JUDGE_DEFAULTS, type JudgePlan, type JudgeReport, type JudgeRequest } from '../../src/core/judge/index.js';
import { DEFAULT_RUNNER } from '../../src/core/options/index.js';
import { EVAL_PLAN_FILE } from '../../src/core/run/folder.js';
import { ask, taskProcess } from '../../src/core/tasks/index.js';
import type { Progress } from '../../src/core/work/progress.js';
import { type Question, type StandInJudge, standInJudge } from '../support/stand-in-judge.js';
import { assertOneError } from './one-error.js';
import { cli, briefData, exampleModel, type Outcome, repository, runner, temporaryFolder, wishbone as plainly } from './support.js';

const KEY = 'sk-test-0123456789abcdef';
const FEW = ['--count', '6', '--max-new-tokens', '12'];

type Environment = Readonly<Record<string, string>>;

async function wishbone(env: Environment, ...args: string[]): Promise<Outcome> {
  const { execa } = await import('execa');
  const result = await execa(process.execPath, [cli, ...args], { reject: false, stdin: 'ignore', env });
  return { code: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

let runs: string;
let run: string;
let other: string;

async function train(name: string, ...more: string[]): Promise<string> {
  const options = ['--model', exampleModel, '--batch-size', '8', '--preset', 'quick', '--learning-rate', '1e-2', '--epochs', '1'];
  const trained = await plainly('train', briefData(), ...options, '--name', name, '--runs', runs, '--json', ...more);
  assert.equal(trained.code, 0, trained.stderr);
  return (JSON.parse(trained.stdout) as { folder: string }).folder;
}

before(async () => {
  runs = await mkdtemp(path.join(tmpdir(), 'wishbone-judge-'));
  run = await train('tuned', '--eval-fraction', '0.3', '--eval-steps', '8');
  other = await train('other', '--seed', '5');
});

after(() => rm(runs, { recursive: true, force: true }));

async function served(t: TestContext, ...args: Parameters<typeof standInJudge>): Promise<StandInJudge> {
  const server = await standInJudge(...args);
  t.after(() => server.stop());
  return server;
}

const by = ({ url }: StandInJudge, model: string): string[] => ['--judge-url', url, '--judge-model', model];

async function judged(env: Environment, ...args: string[]): Promise<JudgeReport> {
  const result = await wishbone(env, 'judge', ...args, '--json');
  assert.equal(result.code, 0, result.stderr + result.stdout);
  return JSON.parse(result.stdout) as JudgeReport;
}

test('both orders of held-out prompts are asked for once, and all of it is kept with the run', async (t) => {
  const server = await served(t, undefined, KEY);
  const env = { WISHBONE_JUDGE_KEY: KEY };
  const args = [run, ...by(server, 'stand-in'), ...FEW];
  const refused = await wishbone(env, 'judge', ...args);
  assert.equal(refused.code, 2);
  assertOneError(refused.stderr.slice(refused.stderr.indexOf('error: ')), [/may cost something/, /--yes/]);
  const dry = await wishbone(env, 'judge', ...args, '--dry-run', '--json');
  const { plan } = JSON.parse(dry.stdout) as { plan: JudgePlan };
  assert.deepEqual([plan.prompts, plan.completions, plan.usage.requests, plan.isPaid], [6, 12, 12, true]);
  assert.equal(plan.usage.output, 12 * 512);
  assert.equal(server.questions.length, 0, 'nothing was asked without a yes');
  assert.ok(!(await readdir(run)).includes('judge'), 'and nothing was written');

  const report = await judged(env, ...args, '--yes');
  assert.deepEqual([report.prompts, report.counted, report.open, report.unread], [6, 6, 0, 0]);
  assert.equal(report.wins + report.losses + report.ties, 6);
  const different = report.verdicts.filter(({ texts: [first, second] }) => first !== second);
  assert.ok(different.length > 0, 'training changed something');
  assert.equal(server.questions.length, 2 * different.length, 'equal texts are a tie that nobody has to judge');
  assert.deepEqual(report.usage, {
    requests: 2 * different.length,
    input: 200 * different.length,
    output: 20 * different.length,
  });
  for (const { prompt, texts, verdicts, outcome } of different) {
    const asked = server.questions.filter((question) => question.prompt === prompt);
    assert.deepEqual(asked.map(({ a, b }) => [a, b]).sort(), [texts, [...texts].reverse()].sort(), 'both orders');
    const [first, second] = texts.map(({ length }) => length) as [number, number];
    assert.equal(outcome, first > second ? 'win' : first < second ? 'loss' : 'tie');
    assert.deepEqual(
      verdicts.map(({ order }) => order),
      ['first', 'second'],
    );
    assert.match(verdicts[0]!.words, /^(One of them says more|They are of one length)/);
  }
  const { agreement, winRate } = report;
  assert.deepEqual([agreement!.n, agreement!.same], [different.length, different.length]);
  assert.equal(winRate!.rate, (report.wins + report.ties / 2) / 6);
  assert.equal(winRate!.isShown, false, 'of so few');
  const { body, authorization } = server.questions[0]!;
  assert.deepEqual([body['model'], body['max_tokens'], body['temperature'], authorization], ['stand-in', 512, 0, `Bearer ${KEY}`]);

  assert.equal(report.file, path.join(run, 'judge', `${report.head.id}.jsonl`));
  assert.equal((await stat(report.file)).mode & 0o777, 0o600);
  assert.ok(!(await readFile(report.file, 'utf8')).includes(KEY), 'the key is in no file');
  const again = await judged(env, ...args);
  assert.deepEqual(again, report, 'nothing is left to pay for, so nobody is asked');
  const more = await judged(env, ...args, '--count', '8', '--yes');
  assert.equal(more.prompts, 8);
  assert.equal(server.questions.length, more.usage.requests, 'the first six are not asked again');
  // A crash in the middle of a line.
  await appendFile(report.file, '{"type":"verdict","prom');
  const cut = await judged(env, ...args, '--count', '9', '--yes');
  assert.equal(cut.prompts, 9);
  assert.equal(server.questions.length, cut.usage.requests);

  const shown = await wishbone({}, 'judge', run, '--show', '--verdicts');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^tuned beside reference\nNo difference is shown at this size/);
  assert.match(shown.stdout, /^win rate +[\d.]+% \(95%: [\d.]+% to [\d.]+%\)$/m);
  assert.match(shown.stdout, /^length-controlled +[\d.]+% \(95%/m);
  assert.match(shown.stdout, /^tuned shown first: \w+\n {4}(One of them|They are)/m);
  const priced = await wishbone(env, 'judge', ...args, '--count', '10', '--dry-run', '--price-in', '5', '--price-out', '15');
  assert.match(priced.stdout, /^cost +at most 0\.\d{4}$/m);
});

test('a judge that likes what it is shown first, and one that cannot be read', async (t) => {
  const server = await served(t, () => 'I like it.\n**A**');
  const args = [run, ...FEW];
  const biased = await judged({}, ...args, ...by(server, 'biased'));
  const { n, same, decided, shownFirst } = biased.agreement!;
  assert.equal(same, 0);
  assert.deepEqual([decided, shownFirst], [2 * n, 2 * n]);
  assert.equal(biased.ties, biased.counted);
  assert.equal(biased.winRate!.rate, 0.5);

  server.judge = () => 'A is better than B, though B is nice.';
  const vague = await judged({}, ...args, ...by(server, 'vague'));
  assert.equal(vague.unread, biased.agreement!.n);
  assert.equal(vague.counted, vague.prompts - vague.unread, 'what cannot be read is no tie');
  const text = await wishbone({}, 'judge', ...args, ...by(server, 'vague'));
  assert.match(text.stdout, /^unreadable +\d+ prompts whose verdict cannot be read$/m);
  const before = server.questions.length;

  // What was cut off is asked again where there is more room for it.
  server.judge = ({ body }) => (body['max_tokens'] === 16 ? { words: 'Let me think about', finish: 'length' } : 'tie');
  const cut = await judged({}, ...args, ...by(server, 'slow'), '--judge-tokens', '16');
  assert.equal(cut.unread, vague.unread);
  const longer = await judged({}, ...args, ...by(server, 'slow'), '--judge-tokens', '64');
  assert.equal(longer.unread, 0);
  assert.equal(server.questions.length, before + 4 * vague.unread);
  assert.equal(longer.usage.requests, 4 * vague.unread);
});

test('rules and the responses of the dataset cost nothing', async () => {
  const args = [run, ...FEW];
  const shorter = await judged({}, ...args, '--rule', 'shorter');
  const longer = await judged({}, ...args, '--rule', 'longer');
  assert.deepEqual([shorter.wins, shorter.losses], [longer.losses, longer.wins]);
  assert.ok(Math.abs(shorter.winRate!.rate + longer.winRate!.rate - 1) < 1e-12);
  assert.equal(shorter.agreement, undefined, 'a rule sees no order');
  const exact = await judged({}, ...args, '--against', 'chosen', '--rule', 'exact');
  assert.equal(exact.losses, exact.prompts, 'no model of ours says the chosen response');
  assert.equal(exact.lengths[1] > 5, true);
  const rejected = await judged({}, ...args, '--against', 'rejected', '--rule', 'exact');
  assert.equal(rejected.ties, rejected.prompts, 'neither is the chosen response');
  const [{ texts }] = exact.verdicts as [JudgeReport['verdicts'][number]];
  const rows = (await readFile(briefData(), 'utf8')).trim().split('\n');
  assert.ok(
    rows.some((row) => JSON.stringify(JSON.parse(row)).includes(JSON.stringify(texts[1]).slice(1, -1).trim())),
    'as the dataset has it, without the token that ends it',
  );
  const matched = await judged({}, ...args, '--rule', 'regex:[a-z]');
  assert.match(matched.verdicts[0]!.verdicts[0]!.words, /^the first (matches|does not match), the second/);
  const beside = await judged({}, ...args, '--against', other, '--rule', 'longer');
  assert.equal(beside.head.second.label, 'other');
  const model = await judged({}, ...args, '--against', exampleModel, '--rule', 'longer');
  assert.deepEqual(
    model.verdicts.map(({ texts: [, second] }) => second),
    longer.verdicts.map(({ texts: [, second] }) => second),
    'the model that training started from is the reference',
  );
  const trained = await wishbone({}, 'judge', ...args, '--dataset', briefData(), '--rule', 'longer', '--dry-run');
  assert.match(trained.stdout, /the run was trained on these prompts/);
});

/** Six prompts, short answers, against the reference. */
const byRule = (folder: string, program: string): JudgeRequest => ({
  folder,
  against: 'reference',
  count: 6,
  sampling: { ...JUDGE_DEFAULTS.sampling, max_new_tokens: 12 },
  judge: { kind: 'rule', rule: 'shorter' },
  ask: JUDGE_DEFAULTS.ask,
  runner: DEFAULT_RUNNER,
  program,
});

test('what is looked at first has its prompts prepared once, and is judged by the same process', async (t) => {
  const request = byRule(run, runner);
  const worker = path.join(repository, 'dist/workers/judge.js');
  const judging = taskProcess('judge', worker);
  t.after(() => judging.end());
  const plan = await ask(judging, 'planJudging', request, {});
  const prompts = path.join(run, EVAL_PLAN_FILE);
  await rename(prompts, `${prompts}.away`);
  t.after(() => rename(`${prompts}.away`, prompts));
  const report = await ask(judging, 'judge', request, {});
  assert.deepEqual([report.prompts, report.head.id], [plan.prompts, plan.head.id]);
  await assert.rejects(ask(judging, 'judge', { ...request, count: 7 }, {}), /no such file|ENOENT/, 'others are not those that are there');

  const folder = await temporaryFolder(t);
  const [watch, started] = [path.join(folder, 'watch.cjs'), path.join(folder, 'started')];
  await writeFile(watch, `require('node:fs').appendFileSync(${JSON.stringify(started)}, process.argv[1] + '\\n');\n`);
  const env = { NODE_OPTIONS: `--require ${JSON.stringify(watch)}` };
  await judged(env, other, ...FEW, '--dataset', briefData(), '--rule', 'shorter');
  const files = (await readFile(started, 'utf8')).trim().split('\n');
  assert.equal(files.filter((file) => file.endsWith('/judge.js')).length, 1, files.join());
});

/** A runner that writes down what it is called with. With `lines`, so many are all that it says, and it never ends. */
async function watchedRunner(folder: string, lines?: number): Promise<{ program: string; calls: () => Promise<string[]> }> {
  const [program, log] = [path.join(folder, `runner-${lines ?? 'whole'}`), path.join(folder, `calls-${lines ?? 'whole'}`)];
  const goOn = lines === undefined ? `exec '${runner}' "$@"` : `'${runner}' "$@" | head -n ${lines}\nexec sleep 600`;
  await writeFile(program, `#!/bin/sh\necho "$@" >> '${log}'\n${goOn}\n`, { mode: 0o755 });
  await writeFile(log, '');
  return { program, calls: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '') };
}

test('an adapter and the model below it complete their prompts in one process, each as it does alone', async (t) => {
  const folder = await temporaryFolder(t);
  const adapter = await train('adapter', '--eval-fraction', '0.3', '--eval-steps', '8', '--max-steps', '6', '--use-peft', '--lora-r', '4');
  const judging = taskProcess('judge', path.join(repository, 'dist/workers/judge.js'));
  t.after(() => judging.end());
  const [whole, cut] = [await watchedRunner(folder), await watchedRunner(folder, 3)];
  const request = byRule(adapter, whole.program);
  const textsOf = ({ verdicts }: JudgeReport) => verdicts.map(({ texts }) => texts);
  const forget = (): Promise<void> => rm(path.join(adapter, 'judge'), { recursive: true });
  const progress: number[] = [];
  const onProgress = ({ phase, done, total }: Progress): void => {
    assert.deepEqual([phase, total], ['completions', 12]);
    progress.push(done);
  };
  const together = await ask(judging, 'judge', request, { onProgress });
  assert.match((await whole.calls()).join('\n'), /^sample \S+ \S+ --adapter \S+[^\n]*$/, 'the weights are loaded once');
  assert.deepEqual(progress, [0, ...Array(13).keys()], 'each completion is told of');
  assert.ok(
    textsOf(together).some(([first, second]) => first !== second),
    'training changed something',
  );

  // The same model in another place is another one for all anybody knows.
  const copy = path.join(folder, 'copy');
  await cp(exampleModel, copy, { recursive: true });
  await forget();
  const apart = await ask(judging, 'judge', { ...request, against: { folder: copy } }, {});
  assert.equal((await whole.calls()).length, 3);
  assert.deepEqual(textsOf(together), textsOf(apart));

  // What was stopped goes on from where it was, though the sides lack different texts then.
  await forget();
  const stop = new AbortController();
  const stopped = ask(
    judging,
    'judge',
    { ...request, program: cut.program },
    { signal: stop.signal, onProgress: ({ done }) => done === 3 && stop.abort(new Error('enough')) },
  );
  await assert.rejects(stopped, /enough/);
  const goneOn: number[] = [];
  const resumed = await ask(judging, 'judge', request, { onProgress: ({ done }) => goneOn.push(done) });
  assert.deepEqual(textsOf(resumed), textsOf(together));
  assert.deepEqual(goneOn.slice(0, 3), [0, 3, 4]);
  const [, , , both, rest, ...more] = await whole.calls();
  assert.deepEqual([both?.includes('--adapter'), rest?.includes('--adapter'), more], [true, false, []]);

  // The adapter may be the other side's.
  const above = await train('above', '--model', path.join(run, 'export'), '--max-steps', '2', '--use-peft', '--lora-r', '4');
  const sampling = { ...request.sampling, max_new_tokens: 11 };
  const turned = await ask(judging, 'judge', { ...request, folder: run, against: { folder: above }, sampling }, {});
  assert.equal((await whole.calls()).length, 6);
  await rm(turned.file);
  const alone = await ask(judging, 'judge', { ...request, folder: run, against: 'rejected', sampling }, {});
  assert.equal((await whole.calls()).length, 7);
  assert.deepEqual(
    textsOf(turned).map(([first]) => first),
    textsOf(alone).map(([first]) => first),
  );
});

test('Ctrl-C leaves what is there, and the rest is all that is asked for', async (t) => {
  let release = (): void => undefined;
  const server = await served(t, (question) => {
    if (question.number <= 3) return 'tie';
    release();
    return 'silent';
  });
  const waiting = new Promise<void>((resolve) => (release = resolve));
  const args = ['judge', run, ...FEW, ...by(server, 'patient'), '--at-once', '1', '--json'];
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  await waiting;
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 130, stdout);
  server.judge = () => 'tie';
  const whole = await judged({}, ...args.slice(1, -1));
  assert.equal(whole.open, 0);
  assert.equal(whole.usage.requests, whole.agreement!.n * 2);
  assert.equal(server.questions.length, whole.usage.requests + 1, 'one was under way when it ended');
  assert.equal(server.most, 1);
});

test('a server that is busy, one that is no judge, and one that says the key back', async (t) => {
  const args = [run, ...FEW];
  const busy = new Set<string>();
  const server = await served(t, (question: Question) => {
    const id = question.a + question.b + question.prompt;
    if (busy.has(id)) return 'tie';
    busy.add(id);
    return { status: question.number % 2 === 0 ? 429 : 503, headers: { 'Retry-After': '0' }, text: '{"error":{"message":"slow down"}}' };
  });
  const patient = await judged({}, ...args, ...by(server, 'busy'));
  assert.equal(patient.open, 0);

  const html = { headers: { 'Content-Type': 'text/html; charset=utf-8' }, text: '<!doctype html><h1>Welcome</h1>' };
  server.judge = () => html;
  const foreign = await wishbone({ WISHBONE_JUDGE_KEY: KEY }, 'judge', ...args, ...by(server, 'failing'), '--yes');
  assert.equal(foreign.code, 3);
  assertOneError(foreign.stderr.slice(foreign.stderr.indexOf('error: ')), [/no OpenAI-compatible endpoint \(text\/html\)/]);
  // One that says the key back does not get it into the file.
  server.judge = ({ authorization }) => `You sent ${authorization}.\ntie`;
  const said = await judged({ WISHBONE_JUDGE_KEY: KEY }, ...args, ...by(server, 'failing'), '--yes');
  assert.ok(!(await readFile(said.file, 'utf8')).includes(KEY));
  assert.match(JSON.stringify(said.verdicts), /You sent Bearer \[key\]/);
});

test('what cannot be: one clear message', async (t) => {
  const folder = await temporaryFolder(t);
  const refused = async (code: number, says: RegExp, ...args: string[]): Promise<void> => {
    const result = await wishbone({ WISHBONE_JUDGE_KEY: 'two words' }, 'judge', ...args);
    assert.equal(result.code, code, result.stderr);
    assertOneError(result.stderr, [says]);
  };
  const url = ['--judge-model', 'm', '--judge-url'];
  await refused(2, /nothing is to judge/, run);
  await refused(2, /both a rule and an endpoint/, run, '--rule', 'exact', ...url, 'http://127.0.0.1/v1');
  await refused(2, /regex:PATTERN/, run, '--rule', 'regex');
  await refused(3, /Invalid regular expression/, run, '--rule', 'regex:(');
  await refused(3, /cannot be read/, run, ...url, 'ftp://judge/v1');
  await refused(3, /a name or a password/, run, ...url, 'https://me:secret@judge/v1');
  await refused(3, /characters that no key has/, run, ...url, 'https://judge/v1');
  await refused(3, /no pairs for evaluation/, other, '--rule', 'longer');
  await refused(3, /the same model/, run, '--rule', 'longer', '--against', run);
  await refused(2, /no run is called/, run, '--rule', 'longer', '--against', 'nobody', '--runs', runs);
  await refused(3, /every prompt is too long/, run, '--rule', 'longer', '--max-new-tokens', '100000');
  await refused(3, /no such file/, run, '--rule', 'longer', '--dataset', path.join(folder, 'none.jsonl'));
  const { file } = await judged({}, run, ...FEW, '--rule', 'longer', '--temperature', '0.5');
  await writeFile(file, 'something else\n');
  await refused(3, /no record of judged completions/, run, ...FEW, '--rule', 'longer', '--temperature', '0.5');
  const plain = await wishbone({ WISHBONE_JUDGE_KEY: KEY }, 'judge', run, ...FEW, ...url, 'http://judge.example/v1', '--yes');
  assertOneError(plain.stderr.slice(plain.stderr.indexOf('error: ')), [/not encrypted/]);
});
