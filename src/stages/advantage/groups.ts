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
