/** The messages between the extension host and the mask inspector. Both sides check what they receive. */

import type { BinCost, BinView, PathPiece } from '../core/inspect/index.js';
import { MASK_ROLES, type MaskLayout } from '../core/mask/layout.js';
import {
  isStarts,
  PLAN_SIDES,
  type PlanHostMessage,
  type PlanPageMessage,
  type PlanSide,
  readPlanHostMessage,
  readPlanPageMessage,
} from './plan.js';
import { type Check, type Messages, readMessage } from './shape.js';
import { isCount, isIntegers, isNumber, isObject, isPicture, isText, isTexts } from './values.js';

/** One bin: as it is, and its sequences without sharing. */
export interface BinMessage {
  readonly type: 'bin';
  /** 0-based number in the plan. */
  readonly bin: number;
  readonly shared: MaskLayout;
  readonly naive: MaskLayout;
  /** [N of naive] row of `shared` that holds the same token of the same path */
  readonly sharedRow: Int32Array;
  readonly cost: BinView['cost'];
  /** Row of the dataset to bring into view; null for none. */
  readonly focus: number | null;
}

const PATH_PARTS = ['before', 'token', 'after'] as const;

export type MaskHostMessage =
  | PlanHostMessage
  | BinMessage
  /** Texts of the tokens from a row on. */
  | {
      readonly type: 'texts';
      readonly bin: number;
      readonly side: PlanSide;
      readonly from: number;
      readonly texts: readonly string[];
    }
  | {
      readonly type: 'path';
      readonly bin: number;
      readonly side: PlanSide;
      readonly row: number;
      readonly pieces: readonly PathPiece[];
    }
  /** No bin holds the row that was asked for. */
  | { readonly type: 'no-row'; readonly row: number };

/** Most texts sent at once: those in view, and some around them. */
export const MOST_TEXTS = 1024;

export type MaskPageMessage =
  | PlanPageMessage
  | { readonly type: 'bin'; readonly bin: number }
  | {
      readonly type: 'texts';
      readonly bin: number;
      readonly side: PlanSide;
      readonly from: number;
      readonly to: number;
    }
  | { readonly type: 'path'; readonly bin: number; readonly side: PlanSide; readonly row: number }
  | { readonly type: 'find-row'; readonly row: number }
  | { readonly type: 'packing' }
  /** Saves a picture that could not be put on the clipboard. */
  | { readonly type: 'save'; readonly format: 'svg' | 'png'; readonly name: string; readonly data: Uint8Array };

const PAGE_MESSAGES: Messages<Exclude<MaskPageMessage, PlanPageMessage>> = {
  bin: { bin: isCount },
  texts: ['and', { bin: isCount, side: ['one of', PLAN_SIDES], from: isCount, to: isCount }, ({ from, to }) => to - from <= MOST_TEXTS],
  path: { bin: isCount, side: ['one of', PLAN_SIDES], row: isCount },
  'find-row': { row: isCount },
  save: { format: ['one of', ['svg', 'png']], name: isText, data: isPicture },
};

export function readMaskPageMessage(value: unknown): MaskPageMessage | undefined {
  return readMessage(value, ['packing'], PAGE_MESSAGES) ?? readPlanPageMessage(value);
}

const COST: Check<BinCost> = { flops: isNumber, seconds: isNumber };

const isRole = (value: unknown): value is number => isCount(value) && value < MASK_ROLES.length;

const PIECE: Check<PathPiece> = { role: isRole, text: isText, part: ['one of', PATH_PARTS] };

const HOST_MESSAGES: Messages<Exclude<MaskHostMessage, PlanHostMessage>> = {
  bin: [
    'and',
    {
      bin: isCount,
      shared: isLayout,
      naive: isLayout,
      sharedRow: isIntegers,
      cost: ['or null', { shared: COST, naive: COST }],
      focus: ['or null', isCount],
    },
    ({ shared, naive, sharedRow }) =>
      sharedRow.length === naive.tokens.length && sharedRow.every((row) => row >= 0 && row < shared.tokens.length),
  ],
  texts: { bin: isCount, side: ['one of', PLAN_SIDES], from: isCount, texts: isTexts },
  path: { bin: isCount, side: ['one of', PLAN_SIDES], row: isCount, pieces: ['list of', PIECE] },
  'no-row': { row: isCount },
};

export function readMaskHostMessage(value: unknown): MaskHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES) ?? readPlanHostMessage(value);
}

/** If this holds, everything the page computes stays within its arrays. */
export function isLayout(value: unknown): value is MaskLayout {
  if (!isObject(value)) return false;
  const { blockStart, tokens, position, visibleUntil } = value;
  const { segmentBegin, segmentEnd, segmentParent, segmentRole, segmentRow } = value;
  if (!isStarts(blockStart) || ![tokens, position, visibleUntil].every(isIntegers)) return false;
  if (![segmentBegin, segmentEnd, segmentParent, segmentRole, segmentRow].every(isIntegers)) return false;
  const layout = value as unknown as MaskLayout;
  const rows = layout.tokens.length;
  const segments = layout.segmentBegin.length;
  if (rows === 0 || layout.blockStart.at(-1) !== rows) return false;
  if (layout.position.length !== rows || layout.visibleUntil.length !== rows) return false;
  if ([layout.segmentEnd, layout.segmentParent, layout.segmentRole, layout.segmentRow].some((a) => a.length !== segments)) return false;
  if (!layout.visibleUntil.every((until, row) => until > row && until <= rows)) return false;
  let covered = 0;
  for (let segment = 0; segment < segments; segment++) {
    if (layout.segmentBegin[segment] !== covered || layout.segmentEnd[segment]! <= covered) return false;
    covered = layout.segmentEnd[segment]!;
    const [parent, role] = [layout.segmentParent[segment]!, layout.segmentRole[segment]!];
    if (parent < -1 || parent >= segment || role < 0 || role >= MASK_ROLES.length) return false;
  }
  return covered === rows;
}
