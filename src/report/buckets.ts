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

/**
 * The questions by value, lowest first: a bucket for each distinct value up to 6 of them, else up to 5 buckets
 * of about equal size that never part equal values. By points, and labelled so (`3 points`, `1-2 points`), where
 * every question has them; else by v(x) (`v = 0.03`).
 */
export function bucketsOf(questions: Questions): Bucket[] {
  const { points } = questions;
  const byPoints = points?.every((p) => Number.isFinite(p)) === true;
  const keys = byPoints && points ? points : questions.value;
  const groups = new Map<number, number[]>();
  keys.forEach((key, i) => {
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  });
  const distinct = [...groups.entries()].sort(([a], [b]) => a - b);
  const parts =
    distinct.length <= mostDistinct ? distinct.map((d) => [d]) : quantiles(distinct, questions.id.length);
  return parts.map((part) => {
    const indices = part.flatMap(([, rows]) => rows).sort((a, b) => a - b);
    const from = part[0]![0];
    const to = part.at(-1)![0];
    const single = indices.every((i) => questions.value[i] === questions.value[indices[0]!]);
    return { label: byPoints ? pointsLabel(from, to) : valueLabel(from, to), from, to, single, indices };
  });
}

type Distinct = [key: number, rows: number[]];

/** Each distinct key goes to the quantile in which the middle of its rows lies. */
function quantiles(distinct: Distinct[], n: number): Distinct[][] {
  const parts: Distinct[][] = Array.from({ length: mostQuantiles }, () => []);
  let before = 0;
  for (const entry of distinct) {
    const middle = before + entry[1].length / 2;
    parts[Math.floor((mostQuantiles * middle) / n)]!.push(entry);
    before += entry[1].length;
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
