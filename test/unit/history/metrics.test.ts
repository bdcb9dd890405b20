import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseEvent } from '../../../src/core/events/index.js';
import { historyCsv, RunHistory } from '../../../src/core/history/index.js';
import { evalsOf, overviewOf, seriesFrom } from '../../../src/extension/panels/run/view-model.js';
import { CHART_TITLES, EVAL_METRICS, type Metric, METRICS, SERIES, SOURCE_METRICS, STEP_METRICS } from '../../../src/metrics.js';
import { readRunHostMessage } from '../../../src/protocol/run.js';
import { CHARTS, sourceCharts } from '../../../webview/run/charts.js';
import { evalColumn, RunSeries } from '../../../webview/run/series.js';
import { evalLine, startLine, stepLine } from '../run/support.js';

const repository = path.resolve(import.meta.dirname, '../../..');
const event = (line: string) => parseEvent(line, 'test');

function historyOf(...lines: readonly string[]): RunHistory {
  const history = new RunHistory();
  for (const line of lines) history.add(event(line));
  return history;
}

const figures = (pairs: number, loss: number | null) => ({ pairs, loss, 'rewards/margins': loss, 'rewards/accuracies': 0.5 });

/** ORPO on two sources, of which the second begins later and is evaluated too. */
const orpo = (): RunHistory =>
  historyOf(
    stepLine(1, { nll_loss: 1.5, log_odds_ratio: -0.6, log_odds_chosen: 0.2, sources: { 'a/b of c': figures(8, 0.5) } }),
    stepLine(2, {
      nll_loss: 1.25,
      log_odds_ratio: null,
      log_odds_chosen: 0.25,
      sources: { 'a/b of c': figures(4, 0.25), 'd,e': figures(4, 0.75) },
    }),
    evalLine(2, { eval_nll_loss: 1.125, eval_log_odds_ratio: -0.5, eval_log_odds_chosen: 0.5, sources: { 'd,e': figures(4, 2) } }),
    stepLine(3, { nll_loss: 1, log_odds_ratio: -0.5, log_odds_chosen: 0.5, sources: { 'd,e': figures(8, null) } }),
  );

const numbers = (values: ArrayLike<number> | undefined): (number | null)[] =>
  Array.from(values ?? [], (value) => (Number.isNaN(value) ? null : value));

test('what only some losses report, and what sources come to, is kept', () => {
  const { columns, sources, evals } = orpo();
  assert.deepEqual(numbers(columns.nll_loss), [1.5, 1.25, 1]);
  assert.deepEqual(numbers(columns.log_odds_ratio), [-0.6, null, -0.5]);
  assert.deepEqual([...sources.keys()], ['a/b of c', 'd,e']);
  assert.deepEqual(numbers(sources.get('a/b of c')!.loss), [0.5, 0.25, null]);
  assert.deepEqual(numbers(sources.get('d,e')!.pairs), [null, 4, 8]);
  assert.equal(evals[0]!.nll_loss, 1.125);
  assert.equal(evals[0]!.sources.get('d,e')!.loss, 2);
});

test('sources follow a run through steps done again, out of order, and a resume', () => {
  const history = orpo();
  history.add(event(stepLine(2, { sources: { 'd,e': figures(1, 9) } })));
  assert.deepEqual(numbers(history.sources.get('d,e')!.loss), [null, 9, null]);
  assert.deepEqual(numbers(history.sources.get('a/b of c')!.loss), [0.5, null, null]);
  history.add(event(stepLine(6, { sources: { 'd,e': figures(1, 6) } })));
  history.add(event(stepLine(5, { sources: { new: figures(1, 5) } })));
  for (const columns of history.sources.values()) for (const column of Object.values(columns)) assert.equal(column.length, 5);
  assert.deepEqual(numbers(history.sources.get('d,e')!.loss), [null, 9, null, null, 6]);
  assert.deepEqual(numbers(history.sources.get('new')!.loss), [null, null, null, 5, null]);
  history.add(event(startLine({ resumedFrom: 1 })));
  assert.deepEqual(numbers(history.sources.get('a/b of c')!.loss), [0.5]);
  history.clear();
  assert.equal(history.sources.size, 0);
});

test('a metric of the wrong kind is no event, also where not every runner has it', () => {
  for (const fields of [{ nll_loss: 'much' }, { memory: true }, { sources: [] }, { sources: { a: 1 } }, { sources: { a: { pairs: 1 } } }])
    assert.throws(() => event(stepLine(1, fields)), /field "(nll_loss|memory|sources)" of a step event/, JSON.stringify(fields));
  assert.throws(() => event(evalLine(1, { eval_log_odds_ratio: [] })), /eval_log_odds_ratio/);
  assert.throws(() => event(stepLine(1, { loss: undefined })), /field "loss"/);
});

test('tables have every figure that some run has, by source too, and no empty columns of other losses', () => {
  const rows = historyCsv([{ name: 'orpo', history: orpo() }])
    .trimEnd()
    .split('\n');
  const cells = rows.map((row) =>
    [...row.matchAll(/"((?:""|[^"])*)"|([^,]+)|(?<=,)(?=,|$)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
  );
  const value = (row: number, name: string): string | undefined => cells[row]![cells[0]!.indexOf(name)];
  assert.deepEqual([value(1, 'nll_loss'), value(2, 'log_odds_ratio'), value(2, 'eval_nll_loss')], ['1.5', '', '1.125']);
  assert.deepEqual(
    [value(1, 'sources/a/b of c/loss'), value(2, 'sources/d,e/pairs'), value(2, 'eval_sources/d,e/loss')],
    ['0.5', '4', '2'],
  );
  const plain = historyCsv([{ name: 'dpo', history: historyOf(stepLine(1), evalLine(1)) }])
    .split('\n')[0]!
    .split(',');
  assert.deepEqual(
    plain.filter((name) => /nll|odds|sources|memory/.test(name)),
    [],
  );
  const always = STEP_METRICS.filter((name) => !(METRICS[name] as Metric).optional);
  assert.deepEqual(plain.slice(2, 2 + always.length), always);
});

test('the panel gets them, and draws them', () => {
  const history = orpo();
  const update = seriesFrom(history, 0);
  assert.ok(readRunHostMessage(structuredClone({ type: 'series', run: 0, update })), 'what is sent is what is read');
  const evals = evalsOf(history);
  assert.ok(readRunHostMessage(structuredClone({ type: 'evals', run: 0, evals })));
  const series = new RunSeries();
  assert.ok(series.apply(update));
  assert.deepEqual(series.sources, ['a/b of c', 'd,e']);
  for (const chart of [...CHARTS.filter(({ title }) => /likelihood|odds/.test(title)), ...sourceCharts(series.sources, false)])
    for (const { series: name, label } of chart.curves) assert.ok(series.has(name), `${chart.title}: ${label}`);
  assert.deepEqual(numbers(series.curve('loss of a/b of c')), [0.5, 0.25, null]);
  assert.deepEqual(numbers(evalColumn(evals, 'loss of d,e')), [2]);
  assert.deepEqual(numbers(evalColumn(evals, 'nll_loss')), [1.125]);
  assert.equal(evalColumn(evals, 'loss of nothing'), undefined);
  assert.deepEqual(numbers(series.curve('loss of nothing')), [null, null, null]);

  history.add(event(stepLine(4, { sources: { late: figures(8, 4) } })));
  assert.ok(series.apply(seriesFrom(history, 3)));
  assert.deepEqual(numbers(series.curve('loss of late')), [null, null, null, 4]);
  assert.deepEqual(numbers(series.curve('loss of d,e')), [null, 0.75, null, null]);
  const wrong = { ...update, sources: { a: { loss: new Float32Array(1) } } };
  assert.equal(readRunHostMessage({ type: 'series', run: 0, update: wrong }), undefined);
  assert.equal(overviewOf(history), undefined);
});

test('with one run sources are curves of a chart, with several they have charts of their own', () => {
  assert.deepEqual(sourceCharts(['a'], false), []);
  assert.deepEqual(
    sourceCharts(['a', 'b'], false).map(({ title, curves }) => [title, curves.map(({ label }) => label)]),
    ['Loss', 'Reward margin', 'Accuracy'].map((title) => [`${title} by source`, ['a', 'b']]),
  );
  assert.equal(sourceCharts(['a', 'b'], true).length, 6);
});

test('steps of several devices have charts of what they waited, those of one have none', () => {
  const drawn = (history: RunHistory): string[] => {
    const series = new RunSeries();
    assert.ok(series.apply(seriesFrom(history, 0)));
    return CHARTS.filter(({ curves }) => curves.some((curve) => series.has(curve.series))).map(({ title }) => title);
  };
  const alone = drawn(historyOf(stepLine(1)));
  const shared = historyOf(stepLine(1, { seconds: 0.5, communication: 0.02, slowest_rank: 1.01 }), stepLine(2, { communication: 0 }));
  assert.deepEqual(
    drawn(shared).filter((title) => !alone.includes(title)),
    ['Communication', 'Slowest device'],
  );
  const series = new RunSeries();
  series.apply(seriesFrom(shared, 0));
  assert.deepEqual(numbers(series.curve('communication share')), [Math.fround(0.04), 0]);
  assert.deepEqual(numbers(series.curve('slowest over mean')), [Math.fround(Math.fround(1.01) - 1), null]);
});

test('every chart has curves, every metric is sent, drawn and written about as its row says', () => {
  assert.deepEqual(
    CHARTS.map(({ title }) => title),
    [...CHART_TITLES],
  );
  for (const { title, curves } of CHARTS) assert.ok(curves.length > 0, title);
  const drawn = new Set(CHARTS.flatMap(({ curves }) => curves.map(({ series }) => series as string)));
  for (const name of SERIES) assert.equal(drawn.has(name), (METRICS[name] as Metric).chart !== undefined, name);
  const docs = readFileSync(path.join(repository, 'docs/metrics.md'), 'utf8');
  for (const name of STEP_METRICS) assert.ok(docs.includes(`\`${name}\``), name);
});

test('the runner reports what the table says, in its words', () => {
  const fields = readFileSync(path.join(repository, 'native-runner/src/run/metric_fields.cpp'), 'utf8');
  const [ofMean, ofSource] = fields.split('source_fields');
  const inMean = [...ofMean!.matchAll(/prefix \+ "([^"]+)"/g)].map(([, name]) => name!);
  assert.deepEqual(inMean.sort(), [...EVAL_METRICS].sort());
  const inSource = [...ofSource!.matchAll(/\{"([^"]+)"/g)].map(([, name]) => name!);
  assert.deepEqual(inSource.sort(), [...SOURCE_METRICS].sort());
});
