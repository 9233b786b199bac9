/** Advantage of the only response to a prompt: 0 (TRL), or its reward (verl), as if the baseline were 0. */
export type Singleton = 'zero' | 'reward';

/** Row numbers of each group, groups in order of first appearance, rows in order. */
export function groupRows(groups: Int32Array): readonly (readonly number[])[] {
  const rows = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const list = rows.get(groups[i]!);
    if (list) list.push(i);
    else rows.set(groups[i]!, [i]);
  }
  return [...rows.values()];
}

/**
 * R_i minus the mean of its group, computed on differences from the group's first reward: where all rewards of a
 * group are equal the result is exactly 0, for any reward and any size.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]
 * @param singleton what a group of one gives
 * @returns float64 [rows]
 */
export function centreGroups(
  rewards: Float64Array,
  groups: Int32Array,
  singleton: Singleton = 'zero',
): Float64Array {
  const centred = new Float64Array(rewards.length);
  for (const rows of groupRows(groups)) {
    const first = rewards[rows[0]!]!;
    if (rows.length === 1) {
      centred[rows[0]!] = singleton === 'reward' ? first : 0;
      continue;
    }
    const mean = rows.reduce((sum, i) => sum + (rewards[i]! - first), 0) / rows.length;
    for (const i of rows) centred[i] = rewards[i]! - first - mean;
  }
  return centred;
}

/**
 * Standard deviation of numbers, on differences from the first: exactly 0 where all are equal, and for one number.
 *
 * @param ddof 1 for the sample's deviation, 0 for the population's
 */
export function deviation(x: Float64Array, ddof = 1): number {
  if (x.length < 2) return 0;
  const first = x[0]!;
  const mean = x.reduce((sum, y) => sum + (y - first), 0) / x.length;
  const squares = x.reduce((sum, y) => sum + (y - first - mean) ** 2, 0);
  return Math.sqrt(squares / (x.length - ddof));
}
