import type { Place } from '../core/errors.ts';
import type { StageSetup } from '../core/stage.ts';

/** Where a parameter of a stage stands, `'loss', 'use'`; where it is not given, where the stage does. */
export function placeIn(
  { place, placeOf }: Pick<StageSetup, 'place' | 'placeOf'>,
  ...parameter: readonly (string | number)[]
): Place {
  return placeOf?.(parameter) ?? place;
}
