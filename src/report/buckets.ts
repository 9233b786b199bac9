import type { Questions } from './evaluation.ts';
import { plainNumber } from './format.ts';

const mostDistinct = 6;
const mostQuantiles = 5;

/** Questions of like value: `from` and `to` are the smallest and largest value, or points, among them. */
export interface Bucket {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  /** Whether every question in it has the same value: then its H-Acc is its accuracy. */
  readonly single: boolean;
  readonly indices: readonly number[];
}

/** A range of keys, points or values, both ends included. */
export type KeyRange = Pick<Bucket, 'label' | 'from' | 'to'>;

/**
 * The questions by value, lowest first, in the ranges of {@link rangesOf}. By points, and labelled so, where every
 * question has them; else by v(x).
 */
export function bucketsOf(questions: Questions): Bucket[] {
  const { points } = questions;
  const byPoints = points?.every((p) => Number.isFinite(p)) === true;
  const keys = byPoints && points ? points : questions.value;
  const counts = new Map<number, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return rangesOf(counts, byPoints).map((range) => {
    const indices = Array.from(keys.keys()).filter((i) => keys[i]! >= range.from && keys[i]! <= range.to);
    const single = indices.every((i) => questions.value[i] === questions.value[indices[0]!]);
    return { ...range, single, indices };
  });
}

/**
 * Ranges of keys, lowest first: one for each distinct key up to 6 of them, else up to 5 that hold about equally many
 * rows and never part equal keys. Labelled `3 points`, `1-2 points`, or `v = 0.03`.
 *
 * @param counts how many rows have each key
 */
export function rangesOf(counts: ReadonlyMap<number, number>, byPoints: boolean): KeyRange[] {
  const distinct = [...counts].sort(([a], [b]) => a - b);
  const parts = distinct.length <= mostDistinct ? distinct.map((d) => [d]) : quantiles(distinct);
  return parts.map((part) => {
    const from = part[0]![0];
    const to = part.at(-1)![0];
    return { label: byPoints ? pointsLabel(from, to) : valueLabel(from, to), from, to };
  });
}

type Distinct = readonly [key: number, rows: number];

/** Each distinct key goes to the quantile in which the middle of its rows lies. */
function quantiles(distinct: readonly Distinct[]): Distinct[][] {
  const n = distinct.reduce((sum, [, rows]) => sum + rows, 0);
  const parts: Distinct[][] = Array.from({ length: mostQuantiles }, () => []);
  let before = 0;
  for (const entry of distinct) {
    const middle = before + entry[1] / 2;
    parts[Math.floor((mostQuantiles * middle) / n)]!.push(entry);
    before += entry[1];
  }
  return parts.filter((part) => part.length > 0);
}

function pointsLabel(from: number, to: number): string {
  if (from !== to) return `${plainNumber(from)}-${plainNumber(to)} points`;
  return `${plainNumber(from)} ${from === 1 ? 'point' : 'points'}`;
}

function valueLabel(from: number, to: number): string {
  return `v = ${plainNumber(from)}${from === to ? '' : `-${plainNumber(to)}`}`;
}
