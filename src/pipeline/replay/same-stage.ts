import { canonicalJson } from '../../log/identity.ts';
import type { ResolvedStage } from '../file/resolve.ts';

type Declared = Pick<ResolvedStage, 'definition' | 'params'>;

/** Whether two stages do the same: name and parameters. Where they stand in a file does not matter. */
export function sameStage(a: Declared | undefined, b: Declared | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.definition.name === b.definition.name &&
    canonicalJson(a.params) === canonicalJson(b.params)
  );
}
