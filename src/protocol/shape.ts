/**
 * Checks values that come from another process, by tables of their fields. A table that lacks a field of the type does not
 * compile. Tables are plain data, so that bundles leave out those they do not use.
 */

import { isObject, isText } from './values.js';

export type Guard<T> = (value: unknown) => value is T;

/** How to check a value. */
export type Check<T> =
  | Guard<T>
  | (null extends T ? readonly ['or null', Check<Exclude<T, null>>] : never)
  | ([T] extends [string] ? readonly ['one of', readonly T[]] : never)
  | ([T] extends [readonly (infer E)[]] ? readonly ['list of', Check<E>] : never)
  | ([T] extends [Kinds] ? readonly ['by kind', { readonly [K in T['kind']]: FieldsOf<WithKind<T, K>, 'kind'> }] : never)
  | ([T] extends [object] ? FieldsOf<T> : never);

/** A check for every field, and optionally one for how the fields fit together. */
export type FieldsOf<T, Except = never> = Fields<T, Except> | readonly ['and', Fields<T, Except>, (fields: T) => boolean];
type Fields<T, Except> = { readonly [K in Exclude<keyof T, Except>]: Check<T[K]> };

type Kinds = { readonly kind: string };
type WithKind<T, K> = T extends Kinds ? (T['kind'] extends K ? T : never) : never;

type Typed = { readonly type: string };
/** Messages without any data. */
type Bare<M> = M extends Typed ? (Exclude<keyof M, 'type'> extends never ? M : never) : never;
type WithType<M, T> = M extends Typed ? (M['type'] extends T ? M : never) : never;

/** The checks for all messages with data. */
export type Messages<M extends Typed> = {
  readonly [T in Exclude<M, Bare<M>>['type']]: FieldsOf<WithType<Exclude<M, Bare<M>>, T>, 'type'>;
};

/** Whether a value passes a check. Fields that are not in the table are ignored. */
export function fits<T>(value: unknown, check: Check<T>): value is T {
  return passes(value, check as AnyCheck);
}

/**
 * Returns the message with exactly the fields it should have, or undefined if the value is not a message.
 *
 * @param requests types of messages without data
 * @param messages checks for all others
 */
export function readMessage<M extends Typed>(value: unknown, requests: readonly Bare<M>['type'][], messages: Messages<M>): M | undefined {
  if (!isObject(value) || !isText(value['type'])) return undefined;
  const { type } = value;
  if ((requests as readonly string[]).includes(type)) return { type } as M;
  if (!Object.hasOwn(messages, type)) return undefined;
  const check = (messages as Readonly<Record<string, AnyCheck>>)[type]!;
  if (!passes(value, check)) return undefined;
  const names = Object.keys((Array.isArray(check) ? check[1] : check) as object);
  return Object.fromEntries(['type', ...names].map((name) => [name, value[name]])) as M;
}

type AnyCheck = Guard<unknown> | readonly [string, unknown, unknown?] | { readonly [name: string]: AnyCheck };

function passes(value: unknown, check: AnyCheck): boolean {
  if (typeof check === 'function') return check(value);
  if (!isTagged(check)) return isObject(value) && Object.entries(check).every(([name, each]) => passes(value[name], each));
  const [how, of, together] = check;
  switch (how) {
    case 'or null':
      return value === null || passes(value, of as AnyCheck);
    case 'one of':
      return isText(value) && (of as readonly string[]).includes(value);
    case 'list of':
      return Array.isArray(value) && value.every((each) => passes(each, of as AnyCheck));
    case 'by kind': {
      const kinds = of as Readonly<Record<string, AnyCheck>>;
      return isObject(value) && isText(value['kind']) && Object.hasOwn(kinds, value['kind']) && passes(value, kinds[value['kind']]!);
    }
    case 'and':
      return passes(value, of as AnyCheck) && (together as (fields: unknown) => boolean)(value);
    default:
      throw new Error(`no check is called "${how}"`);
  }
}

function isTagged(check: AnyCheck): check is readonly [string, unknown, unknown?] {
  return Array.isArray(check);
}
