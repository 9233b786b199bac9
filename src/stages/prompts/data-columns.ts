import type { AnyColumnData, ColumnSpec, Specs } from '../../core/columns.ts';

/**
 * The user's own fields as `data.<field>` columns: float64 where every value is a number, bool where every value is
 * true or false, text where every value is text, else each value's JSON as text. All may be null.
 *
 * @param records one object a row; a field that a record lacks is null there
 */
export function dataColumns(records: readonly Readonly<Record<string, unknown>>[]): {
  readonly columns: Readonly<Record<string, AnyColumnData>>;
  readonly specs: Specs;
} {
  const columns: Record<string, AnyColumnData> = {};
  const specs: Record<string, ColumnSpec> = {};
  for (const field of new Set(records.flatMap((record) => Object.keys(record)))) {
    const values = records.map((record) => record[field] ?? null);
    const kind = kindOf(values);
    const name = `data.${field}`;
    specs[name] = { kind: kind === 'json' ? 'utf8' : kind, nullable: true, doc: `the data's own ${field}` };
    columns[name] =
      kind === 'json'
        ? values.map((value) => (value === null ? null : JSON.stringify(value)))
        : (values as (string | null)[]);
  }
  return { columns, specs };
}

function kindOf(values: readonly unknown[]): 'float64' | 'bool' | 'utf8' | 'json' {
  const types = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  if (types.size !== 1) return types.size === 0 ? 'utf8' : 'json';
  if (types.has('number')) return 'float64';
  if (types.has('boolean')) return 'bool';
  return types.has('string') ? 'utf8' : 'json';
}
