/** The messages between the extension host and the mask inspector. Both sides check what they receive. */

import type { BinCost, BinView, PathPiece } from '../core/inspect/index.js';
import { MASK_ROLES, type MaskLayout } from '../core/mask/layout.js';
import {
  isStarts,
  PLAN_SIDES,
  type PlanHostMessage,
  type PlanPanelMessage,
  type PlanSide,
  readPlanHostMessage,
  readPlanPanelMessage,
} from './plan.js';
import { isBytes, isCount, isIntegers, isNumber, isObject, isOneOf, isText } from './values.js';

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

/** Most texts that are sent at once: what is in view, and some around it. */
export const MOST_TEXTS = 1024;
/** Most bytes of a picture. */
const MOST_PICTURE = 64 * 1024 * 1024;

export type MaskPanelMessage =
  | PlanPanelMessage
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
  /** A picture that could not be put on the clipboard. */
  | { readonly type: 'save'; readonly format: 'svg' | 'png'; readonly name: string; readonly data: Uint8Array };

/** A message from a mask inspector, or undefined when it is not one. */
export function readMaskPanelMessage(value: unknown): MaskPanelMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, bin, side, from, to, row, format, name, data } = value;
  switch (type) {
    case 'bin':
      return isCount(bin) ? { type, bin } : undefined;
    case 'texts':
      return isCount(bin) && isOneOf(side, PLAN_SIDES) && isCount(from) && isCount(to) && to - from <= MOST_TEXTS
        ? { type, bin, side, from, to }
        : undefined;
    case 'path':
      return isCount(bin) && isOneOf(side, PLAN_SIDES) && isCount(row) ? { type, bin, side, row } : undefined;
    case 'find-row':
      return isCount(row) ? { type, row } : undefined;
    case 'packing':
      return { type };
    case 'save':
      return isOneOf(format, ['svg', 'png']) && isText(name) && isBytes(data) && data.length > 0 && data.length <= MOST_PICTURE
        ? { type, format, name, data }
        : undefined;
    default:
      return readPlanPanelMessage(value);
  }
}

/** A message to a mask inspector, or undefined when it is not one. */
export function readMaskHostMessage(value: unknown): MaskHostMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, bin, side, from, row, texts, pieces } = value;
  switch (type) {
    case 'bin':
      return readBin(value);
    case 'texts':
      return isCount(bin) && isOneOf(side, PLAN_SIDES) && isCount(from) && Array.isArray(texts) && texts.every(isText)
        ? { type, bin, side, from, texts }
        : undefined;
    case 'path':
      return isCount(bin) && isOneOf(side, PLAN_SIDES) && isCount(row) && Array.isArray(pieces) && pieces.every(isPiece)
        ? { type, bin, side, row, pieces }
        : undefined;
    case 'no-row':
      return isCount(row) ? { type, row } : undefined;
    default:
      return readPlanHostMessage(value);
  }
}

function readBin(value: Readonly<Record<string, unknown>>): BinMessage | undefined {
  const { bin, shared, naive, sharedRow, cost, focus } = value;
  if (!isCount(bin) || !isLayout(shared) || !isLayout(naive) || !isIntegers(sharedRow)) return undefined;
  const rows = shared.tokens.length;
  if (sharedRow.length !== naive.tokens.length || !sharedRow.every((row) => row >= 0 && row < rows)) return undefined;
  if (focus !== null && !isCount(focus)) return undefined;
  if (cost === null) return { type: 'bin', bin, shared, naive, sharedRow, cost, focus };
  if (!isObject(cost) || !isCost(cost['shared']) || !isCost(cost['naive'])) return undefined;
  return { type: 'bin', bin, shared, naive, sharedRow, cost: { shared: cost['shared'], naive: cost['naive'] }, focus };
}

function isCost(value: unknown): value is BinCost {
  return isObject(value) && isNumber(value['flops']) && isNumber(value['seconds']);
}

/** Everything the page computes with stays inside its arrays when this holds. */
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
  if ([layout.segmentEnd, layout.segmentParent, layout.segmentRole, layout.segmentRow].some((a) => a.length !== segments))
    return false;
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

function isPiece(value: unknown): value is PathPiece {
  return (
    isObject(value) &&
    isCount(value['role']) &&
    value['role'] < MASK_ROLES.length &&
    isText(value['text']) &&
    isOneOf(value['part'], PATH_PARTS)
  );
}
