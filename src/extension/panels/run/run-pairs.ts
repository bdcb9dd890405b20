import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { PAIR_VIEWS, placeOf } from '../../../core/pairs/index.js';
import { runTask } from '../../../core/tasks/index.js';
import { formatCount, sentence } from '../../../format.js';
import type { CurveRequest, PairCurve } from '../../../core/pairs/index.js';
import type { ShownCurve } from '../../../protocol/run-curve.js';
import type { PairsAsked, ShownPair, ShownPairs } from '../../../protocol/run-pairs.js';
import { runCommand } from '../../run-command.js';
import { showRow } from '../../rows/show-row.js';
import type { LiveRun } from '../../runs/live-run.js';
import { mayRead, NOT_READ } from '../../trust.js';

/** More are for the command line. */
const MOST = 500;

/** The pairs of a run that somebody wants to see. */
export async function pairsOf({ folder, config }: Pick<LiveRun, 'folder' | 'config'>, asked: PairsAsked): Promise<ShownPairs> {
  const { of, view, step } = asked;
  const help = view === 'all' ? '' : PAIR_VIEWS[view].help;
  const none = { asked, evaluates: config.eval_dataset !== undefined, seen: 0, found: 0, pairs: [], help };
  // Plans and records are binary files of the workspace.
  if (!mayRead(folder)) return { ...none, problem: `${sentence(NOT_READ)}.` };
  try {
    const request = { folder, of, view: view === 'all' ? undefined : view, step: step ?? undefined, most: MOST };
    const { seen, found, pairs } = await runTask('pairs', request);
    const shown = pairs.map(({ file, fileRow, source, ...rest }): ShownPair => {
      const { row, nth, seen: times, step: last, chosenTokens, rejectedTokens, start, now, change, atStep, loss, evidence } = rest;
      return {
        ...{ row, nth, seen: times, step: last, chosenTokens, rejectedTokens },
        place: `${file === undefined ? '' : path.basename(file)}:${formatCount(fileRow)}`,
        source: source ?? null,
        start: start ?? null,
        now: now ?? null,
        change: change ?? null,
        atStep: atStep ?? null,
        loss: loss ?? null,
        evidence: evidence ?? null,
      };
    });
    return { ...none, seen, found, pairs: shown, problem: '' };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { ...none, problem: `${sentence(error.what)}: ${error.advice}.` };
  }
}

/**
 * Shows a pair in its dataset, beside the panel.
 *
 * @param row 0-based, counted through the dataset's files
 * @throws WishboneError when the dataset is gone, is not a text file, or no longer has that row
 */
export async function openPair(
  { folder, config }: Pick<LiveRun, 'folder' | 'config'>,
  of: PairsAsked['of'],
  row: number,
  how: 'text' | 'table',
  from?: vscode.ViewColumn,
): Promise<void> {
  const { file, fileRow } = placeOf(of === 'evaluation' ? config.eval_dataset : config.dataset, row);
  if (file === undefined) return;
  const at = fileRow - 1;
  if (how === 'table') return runCommand('wishbone.showDatasetTable', vscode.Uri.file(file), at, folder);
  const lineOf = (): Promise<number | null> => runTask('lineOfRow', { file, row: at });
  await showRow({ file, row: at, lineOf, gone: 'the file has fewer rows than when the run was made' }, from);
}

/** How the margin of a pair went. */
export async function curveOf({ config }: Pick<LiveRun, 'config'>, request: CurveRequest): Promise<ShownCurve> {
  const { folder, file, row, nth, of = 'train' } = request;
  const given = { asked: { of, row, nth }, place: `${file === undefined ? '' : path.basename(file)}:${formatCount(row + 1)}` };
  const none = { ...given, points: [], startsAtZero: false };
  if (!mayRead(folder)) return { ...none, problem: `${sentence(NOT_READ)}.` };
  try {
    return shownCurve(config, await runTask('pairCurve', request));
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { ...none, problem: `${sentence(error.what)}: ${error.advice}.` };
  }
}

function shownCurve(config: LiveRun['config'], { of, row, nth, points, startsAtZero }: PairCurve): ShownCurve {
  const { file, fileRow } = placeOf(of === 'evaluation' ? config.eval_dataset : config.dataset, row);
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    asked: { of, row, nth },
    place: `${file === undefined ? '' : path.basename(file)}:${formatCount(fileRow)}`,
    points: points.map(({ step, margin, rewardChosen, rewardRejected, around }) => ({
      step,
      margin: finite(margin),
      rewardChosen: finite(rewardChosen),
      rewardRejected: finite(rewardRejected),
      around: finite(around),
    })),
    startsAtZero,
    problem: '',
  };
}
