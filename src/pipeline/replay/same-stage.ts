import { canonicalJson } from '../../log/identity.ts';
import type { ResolvedStage } from '../file/resolve.ts';

/** Whether two stages do the same: name and parameters. Where they stand in a file does not matter. */
export function sameStage(a: ResolvedStage | undefined, b: ResolvedStage | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.use === b.use &&
    canonicalJson(a.params) === canonicalJson(b.params)
  );
}
