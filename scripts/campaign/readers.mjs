// The readers of the TypeScript side, each with good inputs and a way to change them. Run by `reader-process.mjs`.
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { PreferenceChecker } from '../../src/core/checks/checker.ts';
import { configProblems } from '../../src/core/config-file/index.ts';
import { convertConfig } from '../../src/core/convert/index.ts';
import { Dataset } from '../../src/core/dataset/index.ts';
import { readDatasetInfo } from '../../src/core/dataset/dataset-info.ts';
import { checkAdapter } from '../../src/core/model/adapter.ts';
import { inspectModel } from '../../src/core/model/index.ts';
import { readRecord } from '../../src/core/judge/record.ts';
import { reportOf, verdictText } from '../../src/core/judge/report.ts';
import { PairRecord } from '../../src/core/pairs/record.ts';
import { readPlan } from '../../src/core/plan/index.ts';
import { listRun, readLabels, readRun } from '../../src/core/run/index.ts';
import { readEvents } from '../../src/core/events/event-reader.ts';
import { RunHistory } from '../../src/core/history/history.ts';
import { readProcessRecord } from '../../src/core/run/process-record.ts';
import { readSafetensorsHeader } from '../../src/core/files/safetensors.ts';
import { parseSpeedup } from '../../src/core/speedup/history.ts';
import { ModelTokenizer } from '../../src/core/tokenizer/index.ts';
import { mutateBytes, mutateJson, mutateSafetensors, mutateText, mutateValue } from './mutate.mjs';
import { smallModel, smallTokenizer } from './small-model.mjs';

const root = process.argv[2];
const text = (file) => readFileSync(file, 'utf8');
const json = (file) => JSON.parse(text(file));

/** All good rows, so that one of each form is changed. */
function goodRows() {
  const folder = path.join(root, 'test/fixtures/datasets/good');
  return (
    readdirSync(folder, { recursive: true })
      .map(String)
      // What is nested deeper than `JSON.stringify` can go is a test of its own.
      .filter((name) => /\.jsonl$/.test(name) && !name.startsWith('deeply'))
      .flatMap((name) =>
        text(path.join(folder, name))
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .slice(0, 4),
      )
      .map((line) => JSON.parse(line))
  );
}

/** Lines of a record of judged completions, of each kind one at least. */
const judged = [
  {
    ...{ format: 'wishbone-judge', version: 1, id: 'a3f974cf2279', created: '2026-01-02T15:04:05.000Z' },
    ...{ first: { label: 'a', key: 'k' }, second: { label: 'b', key: 'l' } },
    sampling: { max_new_tokens: 16, temperature: 0, top_p: 1, seed: 0 },
    judge: { kind: 'endpoint', url: 'https://judge.example/v1', model: 'm', max_tokens: 64, question: 1 },
    prompts: { from: 'evaluation', path: '/pairs.jsonl', sha256: '0'.repeat(64) },
  },
  ...['0123456789abcdef', 'fedcba9876543210'].flatMap((prompt, at) => [
    { type: 'prompt', prompt, text: 'p', tokens: 1 },
    { type: 'completion', prompt, side: 'first', text: 'one', tokens: 1, ended: true },
    { type: 'completion', prompt, side: 'second', text: 'twoo', tokens: 1, ended: false },
    { type: 'verdict', prompt, order: 'first', winner: at === 0 ? 'first' : 'tie', words: 'A', input: 1, output: 1 },
    { type: 'verdict', prompt, order: 'second', winner: 'second', words: 'B', input: 1, output: 1, cut: 5 },
  ]),
];

async function outcomes(file) {
  const dataset = await Dataset.open(file);
  let rows = 0;
  for await (const _ of dataset.outcomes()) if (++rows > 2000) break;
}

async function readPairs(file) {
  const record = await PairRecord.open(file);
  try {
    for await (const { count, values } of record?.blocks() ?? [])
      if (values.length !== 5 * count) throw new Error('a block that is not whole');
  } finally {
    await record?.close();
  }
}

/**
 * @param base what the campaign has made: a run folder, an adapter, a plan
 * @param scratch a folder for one input at a time
 * @returns by name: `make(random)` gives the bytes of an input, `read(file)` reads it; `name` is the file's
 */
export function readers(base, scratch) {
  const rows = goodRows();
  const model = path.join(scratch, 'model');
  rmSync(model, { recursive: true, force: true });
  cpSync(path.join(root, 'examples/tiny-llama'), model, { recursive: true });
  const tiny = path.join(root, 'examples/tiny-llama');
  const goodTokenizer = smallTokenizer(json(path.join(tiny, 'tokenizer.json')));
  const restoreTokenizer = () => writeFileSync(path.join(model, 'tokenizer.json'), JSON.stringify(goodTokenizer));
  restoreTokenizer();
  const { weights } = smallModel(tiny);
  const tinyConfig = inspectModel(tiny).then(({ config }) => config);
  const pairRecord = readFileSync(path.join(base, 'run/pairs.bin'));
  const plan = readFileSync(path.join(base, 'plan.safetensors'));
  const tokenizerConfig = json(path.join(root, 'examples/tiny-llama/tokenizer_config.json'));
  const configs = readdirSync(path.join(root, 'test/fixtures/hf'))
    .map((name) => path.join(root, 'test/fixtures/hf', name, 'model/config.json'))
    .concat(path.join(root, 'examples/tiny-llama/config.json'))
    .flatMap((file) => {
      try {
        return [json(file)];
      } catch {
        return [];
      }
    });
  const run = path.join(scratch, 'run');
  mkdirSync(run, { recursive: true });
  const parquet = readdirSync(path.join(root, 'test/unit/dataset/parquet'))
    .filter((name) => name.endsWith('.parquet'))
    .map((name) => readFileSync(path.join(root, 'test/unit/dataset/parquet', name)));
  const arrow = readdirSync(path.join(root, 'test/unit/dataset/arrow'))
    .filter((name) => name.endsWith('.arrow'))
    .map((name) => readFileSync(path.join(root, 'test/unit/dataset/arrow', name)));
  const yamls = readdirSync(path.join(root, 'test/fixtures/convert'), { recursive: true })
    .map(String)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => text(path.join(root, 'test/fixtures/convert', name)));
  const csvs = [
    'prompt,chosen,rejected\na,b,c\n"x ""y""\nz",b,c\n',
    'chosen\trejected\na\tb\n',
    '\ufeffprompt,chosen,rejected\r\n1,2,3\r\n',
  ];
  const [runJson, events] = [json(path.join(base, 'run/run.json')), text(path.join(base, 'run/events.jsonl')).trimEnd().split('\n')];
  const template =
    json(path.join(root, 'examples/tiny-llama/tokenizer_config.json')).chat_template ??
    '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
  const adapterConfig = json(path.join(base, 'adapter/adapter_config.json'));
  const place = (folder, name) => path.join(folder, name);
  const sample = ['Harbour lights and 東京 🙂 zwölf', ' a b\n\nc ', ''];

  const jsonRows = (random) => {
    const lines = Array.from({ length: 1 + random.below(4) }, () => mutateJson(random, random.of(rows)));
    return random.once(5) ? mutateText(random, lines.join('\n')) : lines.join('\n');
  };
  return {
    'json lines': { name: place(scratch, 'rows.jsonl'), make: jsonRows, read: outcomes },
    'json document': {
      name: place(scratch, 'rows.json'),
      make: (random) =>
        mutateJson(
          random,
          Array.from({ length: 1 + random.below(3) }, () => random.of(rows)),
          random.of([undefined, 2]),
        ),
      read: outcomes,
    },
    checks: {
      name: place(scratch, 'checked.jsonl'),
      make: jsonRows,
      read: async (file) => void (await new PreferenceChecker(false).check(text(file))),
    },
    csv: {
      name: place(scratch, 'rows.csv'),
      make: (random) => (random.once(3) ? mutateBytes(random, Buffer.from(random.of(csvs))) : mutateText(random, random.of(csvs))),
      read: outcomes,
    },
    tsv: { name: place(scratch, 'rows.tsv'), make: (random) => mutateText(random, random.of(csvs).replaceAll(',', '\t')), read: outcomes },
    parquet: {
      name: place(scratch, 'rows.parquet'),
      make: (random) => {
        const bytes = random.of(parquet);
        return mutateBytes(random, bytes, random.once(2) ? { from: Math.max(0, bytes.length - 600) } : {});
      },
      read: outcomes,
    },
    arrow: {
      name: place(scratch, 'rows.arrow'),
      make: (random) => mutateBytes(random, random.of(arrow), random.once(2) ? { from: 0, to: 1500 } : {}),
      read: outcomes,
    },
    gzip: {
      name: place(scratch, 'rows.jsonl.gz'),
      make: (random) =>
        random.once(3)
          ? mutateBytes(
              random,
              gzipSync(
                rows
                  .slice(0, 5)
                  .map((row) => JSON.stringify(row))
                  .join('\n'),
              ),
            )
          : gzipSync(jsonRows(random)),
      read: outcomes,
    },
    'list of datasets': {
      name: place(scratch, 'dataset_info.json'),
      make: (random) =>
        mutateJson(random, {
          a: { file_name: 'rows.jsonl', ranking: true, columns: { prompt: 'p', chosen: 'c', rejected: 'r' } },
          b: { formatting: 'sharegpt', ranking: true, file_name: 'x', tags: { role_tag: 'from' } },
        }),
      read: (file) => readDatasetInfo(file, 'a'),
    },
    safetensors: {
      name: place(scratch, 'model.safetensors'),
      make: (random) => mutateSafetensors(random, weights),
      read: readSafetensorsHeader,
    },
    pairs: {
      name: place(scratch, 'pairs.bin'),
      make: (random) => mutateBytes(random, pairRecord),
      read: readPairs,
    },
    plan: {
      name: place(scratch, 'plan.safetensors'),
      make: (random) => mutateSafetensors(random, plan, 'wishbone'),
      read: readPlan,
    },
    'run.json': {
      name: place(run, 'run.json'),
      make: (random) => mutateJson(random, runJson, 2),
      read: (file) => readRun(path.dirname(file)),
    },
    events: {
      name: place(run, 'events.jsonl'),
      make: (random) =>
        events
          .flatMap((line) =>
            random.once(4) ? [mutateJson(random, JSON.parse(line))] : random.once(20) ? [mutateText(random, line)] : [line],
          )
          .join('\n') + random.of(['\n', '']),
      read: async (file) => {
        writeFileSync(path.join(run, 'run.json'), JSON.stringify(runJson));
        const history = new RunHistory();
        for (const event of await readEvents(path.dirname(file))) history.add(event);
        await listRun(path.dirname(file));
      },
    },
    'process record': {
      name: place(run, 'process.json'),
      make: (random) => mutateJson(random, { pid: 1, pidStart: 2, bootId: 'x', stopAsked: 'y', ended: { exitCode: 1, signal: null } }),
      read: (file) => readProcessRecord(path.dirname(file)),
    },
    labels: {
      name: place(run, 'labels.json'),
      make: (random) => mutateJson(random, { format: 'wishbone-labels', version: 1, name: 'a', tags: ['b'], notes: 'c' }),
      read: (file) => readLabels(path.dirname(file)),
    },
    'judged completions': {
      name: place(path.join(run, 'judge'), 'a3f974cf2279.jsonl'),
      make: (random) =>
        judged.map((line) => (random.once(3) ? mutateJson(random, line) : JSON.stringify(line))).join('\n') +
        random.of(['\n', '', '\n{"ty']),
      read: async (file) => {
        const record = await readRecord(file);
        if (record !== undefined) verdictText(reportOf(record));
      },
    },
    'run config': {
      name: place(scratch, 'a.wishbone.json'),
      make: (random) =>
        random.once(3)
          ? mutateText(random, text(path.join(root, 'examples/example.wishbone.json')))
          : mutateJson(random, {
              version: 1,
              preset: 'trl',
              model: 'm',
              dataset: ['a', 'b'],
              plan: runJson.plan,
              training: runJson.training,
              runner: runJson.runner,
            }),
      read: (file) => void configProblems(text(file), file),
    },
    yaml: {
      name: place(scratch, 'trl.yaml'),
      make: (random) => mutateText(random, random.of(yamls)),
      read: (file) => void convertConfig(text(file), file, path.join(scratch, 'out.wishbone.json')),
    },
    speedup: {
      name: place(scratch, 'speedup.json'),
      make: (random) => mutateJson(random, { format: 'wishbone-speedup', version: 1, result: { ratio: 1, rounds: [] } }),
      read: (file) => void parseSpeedup(text(file)),
    },
    'config.json': {
      name: place(model, 'config.json'),
      make: (random) => mutateJson(random, random.of(configs)),
      read: (file) => inspectModel(path.dirname(file)),
      restore: () => cpSync(path.join(root, 'examples/tiny-llama/config.json'), path.join(model, 'config.json')),
    },
    adapter: {
      name: place(path.join(scratch, 'adapter'), 'adapter_config.json'),
      make: (random) => mutateJson(random, adapterConfig),
      read: async (file) => {
        cpSync(path.join(base, 'adapter/adapter_model.safetensors'), path.join(path.dirname(file), 'adapter_model.safetensors'));
        await checkAdapter(path.dirname(file), await tinyConfig);
      },
    },
    tokenizer: {
      name: place(model, 'tokenizer.json'),
      make: (random) => {
        // The vocabulary is most of it: what stands around it is changed.
        const { model: inner, ...rest } = goodTokenizer;
        const { vocab, merges, ...settings } = inner;
        const changed = mutateValue(random, { ...rest, model: settings });
        if (typeof changed?.model === 'object' && changed.model !== null && !random.once(12))
          Object.assign(changed.model, { vocab, merges });
        return JSON.stringify(changed);
      },
      read: async (file) => {
        const tokenizer = await ModelTokenizer.load(path.dirname(file));
        for (const own of sample) tokenizer.decode(tokenizer.encode(own, true));
      },
      restore: restoreTokenizer,
    },
    'tokenizer config': {
      name: place(model, 'tokenizer_config.json'),
      make: (random) => mutateJson(random, tokenizerConfig),
      read: async (file) => void (await ModelTokenizer.load(path.dirname(file))).encode('a', true),
      restore: () => cpSync(path.join(root, 'examples/tiny-llama/tokenizer_config.json'), path.join(model, 'tokenizer_config.json')),
    },
    template: {
      name: place(model, 'chat_template.jinja'),
      make: (random) =>
        // Rare, since each ends the engine, which takes seconds to start again.
        random.once(100)
          ? random.of([
              '{{ range(300000000)|length }}',
              '{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}',
              '{{ "a" * 10 ** 10 }}',
              '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
              '{{ messages.__class__.__mro__ }}',
            ])
          : mutateText(random, template),
      read: async (file) => {
        const tokenizer = await ModelTokenizer.load(path.dirname(file));
        tokenizer.chatTemplate.render({
          messages: [
            { role: 'user', content: 'a' },
            { role: 'assistant', content: 'b' },
          ],
          addGenerationPrompt: true,
          specialTokens: { bos_token: '<s>', eos_token: '</s>' },
        });
      },
      restore: () => rmSync(path.join(model, 'chat_template.jinja'), { force: true }),
    },
  };
}
