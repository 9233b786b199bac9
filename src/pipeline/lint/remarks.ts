import { RlevError, reasonOf } from '../../core/errors.ts';
import { changePolicy, type Remark, type Surroundings } from '../../core/stage.ts';
import type { Path } from '../file/located.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import { errorFindings, type Finding, type Severity } from './finding.ts';
import type { Rule } from './rule.ts';

const severities: Record<Remark['code'], Severity> = {
  'setting/no-effect': 'info',
  'setting/never': 'warning',
  'setting/doubtful': 'warning',
};

/** What stages and their parts say of their own parameters. */
export const ownRemarks: Rule = ({ pipeline, parts, data }) => {
  const { stages, run } = pipeline;
  if (!changePolicy(stages)) return [];
  const questions = data?.dataset.batch.numRows;
  const prompts = stages.map(promptsOf).find((n) => n !== undefined);
  const around: Surroundings = {
    steps: run.steps,
    inFlight: run.inFlight,
    sampling: stages.map(samplingOf).find((sampling) => sampling !== undefined),
    prompts: prompts === 'all' ? questions : prompts,
    questions,
  };
  return [
    ...stages.flatMap((stage) =>
      placed(stage, [], () => stage.definition.remarks?.(stage.params as never, around)),
    ),
    ...parts.flatMap(({ stage, path, definition, params }) =>
      placed(stage, path, () => (params === undefined ? [] : definition.remarks?.(params, around))),
    ),
  ];
};

function placed(
  stage: PlacedStage,
  within: Path,
  remarks: () => readonly Remark[] | undefined,
): readonly Finding[] {
  try {
    return (remarks() ?? []).flatMap(({ code, parameter, message, help }) => {
      const place = parameter.length > 0 ? stage.placeOf([...within, ...parameter]) : stage.place;
      return place ? [{ severity: severities[code], code, place, message, help }] : [];
    });
  } catch (error) {
    const message = `${stage.use} could not say what it thinks of its parameters: ${reasonOf(error)}`;
    return errorFindings(new RlevError({ code: 'stage/failed', message }), stage.place);
  }
}

function samplingOf({ definition, params }: PlacedStage): Surroundings['sampling'] {
  return definition.kind === 'map' ? definition.sampling?.(params) : undefined;
}

function promptsOf({ definition, params }: PlacedStage): number | 'all' | undefined {
  return definition.kind === 'source' ? definition.prompts?.(params) : undefined;
}
