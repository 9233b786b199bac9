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
 * group are equal the result is exactly 0, for any reward and any size. A group of one gives 0.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]
 * @returns float64 [rows]
 */
export function centreGroups(rewards: Float64Array, groups: Int32Array): Float64Array {
  const centred = new Float64Array(rewards.length);
  for (const rows of groupRows(groups)) {
    const first = rewards[rows[0]!]!;
    const mean = rows.reduce((sum, i) => sum + (rewards[i]! - first), 0) / rows.length;
    for (const i of rows) centred[i] = rewards[i]! - first - mean;
  }
  return centred;
}
