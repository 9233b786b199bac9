import { RlevError } from '../../core/errors.ts';
import type { StageSetup } from '../../core/stage.ts';

/** The error of a stage that was not shown the data. */
export function unprepared({ place }: Pick<StageSetup, 'place'>): RlevError {
  return new RlevError({
    code: 'stage/contract',
    message: 'It looks at all questions before it begins, and was shown none.',
    place,
    help: 'Call prepare(dataset) before run.',
  });
}
