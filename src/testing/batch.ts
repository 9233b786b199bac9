import { type AnyColumns, type ColumnName, type Columns, isRagged, rowsOf } from '../core/columns.ts';
import { RlevError } from '../core/errors.ts';
import { columnFrom, type PlainColumn } from './plain.ts';

/** Columns that every batch has: who a row is, and how it was sampled. None of them is a score. */
export type DefaultColumn =
  | 'row_id'
  | 'prompt_id'
  | 'group'
  | 'sample'
  | 'role'
  | 'prompt_tokens'
  | 'response_tokens'
  | 'temperature'
  | 'finish'
  | 'policy_version';

/**
 * The columns of a cohort for `stage.run`, typed, from lists with one cell a row: numbers, texts, nested lists for
 * tokens and what stands at each token.
 *
 * ```ts
 * const columns = batch({ group: [0, 0, 1, 1], reward: [1, 0, 1, 1], response_tokens: [[5, 1], [1], [1], [1]] });
 * ```
 *
 * What is not given and does not bear on a result is filled in: each row a group of its own; `sample` counted within
 * its group; `row_id` of both; one token a response, or as many as another per-token column has; temperature 1.
 *
 * @throws RlevError `usage/arguments` for a name that no column has, a cell of the wrong type, columns of unequal length
 */
export function batch<N extends ColumnName>(
  columns: { readonly [K in N]: PlainColumn<K> },
): Columns<N | DefaultColumn> {
  const given = Object.fromEntries(
    Object.entries(columns).map(([name, cells]) => [name, columnFrom(name, cells as readonly unknown[])]),
  );
  return { ...defaultsFor(given), ...given } as unknown as Columns<N | DefaultColumn>;
}

/** What `batch` fills in beside the columns that are given. */
export function defaultsFor(given: AnyColumns): Columns<DefaultColumn> {
  const [first, ...others] = Object.entries(given);
  const rows = first ? rowsOf(first[1]) : 0;
  for (const [name, data] of others) {
    if (rowsOf(data) === rows) continue;
    throw new RlevError({
      code: 'usage/arguments',
      message: `${name} has ${rowsOf(data)} rows, ${first![0]} has ${rows}.`,
      value: rowsOf(data),
    });
  }
  const group = (given.group as Int32Array | undefined) ?? Int32Array.from({ length: rows }, (_, i) => i);
  const seen = new Map<number, number>();
  const counted = Int32Array.from(group, (g) => {
    const n = seen.get(g) ?? 0;
    seen.set(g, n + 1);
    return n;
  });
  const sample = (given.sample as Int32Array | undefined) ?? counted;
  const perToken = Object.entries(given).find(([name, data]) => isRagged(data) && name !== 'prompt_tokens');
  const shape = perToken && isRagged(perToken[1]) ? perToken[1].offsets : undefined;
  const offsets = shape ?? Int32Array.from({ length: rows + 1 }, (_, i) => i);
  return {
    row_id: Array.from(group, (g, i) => `0.0.${g}.${sample[i]}`),
    prompt_id: Array.from(group, (g) => `q${g}`),
    group,
    sample,
    role: new Array<string>(rows).fill('sample'),
    prompt_tokens: columnFrom('prompt_tokens', new Array(rows).fill([2])) as Columns['prompt_tokens'],
    response_tokens: { offsets, values: new Int32Array(offsets[rows]!).fill(1) },
    temperature: new Float32Array(rows).fill(1),
    finish: new Array<string>(rows).fill('stop'),
    policy_version: new Int32Array(rows),
  };
}
