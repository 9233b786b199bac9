import type { SamplingOptions } from '../../core/services.ts';
import { changePolicy } from '../../core/stage.ts';
import { columnsOf } from '../file/flow.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import type { Finding } from './finding.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Temperature 0 takes the most likely token every time, and so does topK: 1. */
export const greedySampling: Rule = (context) =>
  samplersOf(context).flatMap(({ stage, sampling: { temperature, topK } }): Finding[] => {
    if (temperature !== 0 && topK !== 1) return [];
    const estimator = groupEstimator(context);
    const cause = temperature === 0 ? 'At temperature 0' : 'With topK: 1';
    return [
      {
        severity: estimator ? 'error' : 'warning',
        code: 'sampling/greedy',
        place: stage.placeOf([temperature === 0 ? 'temperature' : 'topK']) ?? stage.place,
        message: estimator
          ? `${cause} all responses to a question are the same, so ${estimator.use}, which compares them, gives every one the advantage 0: nothing can be learnt.`
          : `${cause} the policy writes what it finds most likely and tries nothing else, so it cannot find out what would have been better.`,
        help: `Set ${temperature === 0 ? 'temperature: 1' : 'topK: 0'} here, and temperature: 0 in an evaluation.`,
      },
    ];
  });

/** Log-probabilities that train are those of the whole vocabulary; what was sampled came from less. */
export const truncatedSampling: Rule = (context) =>
  samplersOf(context).flatMap(({ stage, sampling: { topK, topP } }) => {
    const cuts = [
      ...(topK > 1 ? [{ key: 'topK', text: `topK: ${topK}`, all: 'topK: 0' }] : []),
      ...(topP < 1 ? [{ key: 'topP', text: `topP: ${topP}`, all: 'topP: 1' }] : []),
    ];
    return cuts.map(
      ({ key, text, all }): Finding => ({
        severity: 'warning',
        code: 'sampling/truncated',
        place: stage.placeOf([key]) ?? stage.place,
        message: `${text} cuts tokens off while sampling, and the update reckons with the probabilities before that cut: its gradient is biased, towards what is likely already.`,
        help: `Set ${all} here; an evaluation may cut.`,
      }),
    );
  });

/** An estimator that compares the responses of a group needs more than one of them. */
export const singleResponse: Rule = (context) => {
  const { stages } = context.pipeline;
  const estimator = groupEstimator(context);
  if (!estimator || !changePolicy(stages)) return [];
  const expanding = stages.filter(({ definition }) => definition.kind === 'map' && definition.expands);
  const responses = expanding.reduce((n, stage) => n * responsesOf(stage), 1);
  const stage = expanding.at(-1);
  if (responses > 1 || !stage) return [];
  return [
    {
      severity: 'error',
      code: 'group/single',
      place: stage.placeOf(['samples']) ?? stage.place,
      message: `${estimator.use} compares the responses to a question with each other, and there is one of them: every advantage is 0, and nothing can be learnt.`,
      help: 'Sample several responses (samples: 8), or take an estimator that needs no group, such as advantage/reinforce++.',
    },
  ];
};

function responsesOf({ definition, params }: PlacedStage): number {
  if (definition.kind !== 'map') return 1;
  return definition.sampling?.(params).samples ?? definition.expands?.(params) ?? 1;
}

function samplersOf(context: RuleContext): { stage: PlacedStage; sampling: SamplingOptions }[] {
  const { stages } = context.pipeline;
  if (!changePolicy(stages)) return [];
  return stages.flatMap((stage) => {
    const { definition, params } = stage;
    const sampling = definition.kind === 'map' ? definition.sampling?.(params) : undefined;
    return sampling ? [{ stage, sampling }] : [];
  });
}

/** The stage that makes advantages out of the rewards of a group. */
function groupEstimator({ pipeline }: RuleContext): PlacedStage | undefined {
  return pipeline.stages.find((stage) => {
    const { needs, adds } = columnsOf(stage);
    return adds.includes('advantage') && needs.includes('group');
  });
}
