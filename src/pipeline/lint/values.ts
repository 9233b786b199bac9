import { z } from 'zod';
import { type Place, RlevError } from '../../core/errors.ts';
import type { MapDefinition, StageDefinition, ValueScale } from '../../core/stage.ts';
import { fixed, plainNumber } from '../../report/format.ts';
import { type ScaleSummary, scaleSentence, scaleSummary } from '../../report/values.ts';
import { columnsOf } from '../file/flow.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import { errorFindings, type Finding } from './finding.ts';
import type { Rule, TrainingData } from './rule.ts';

type Divisor = ReturnType<NonNullable<MapDefinition['dividesBy']>>;

/**
 * s(x) is the same for all responses to a question. An estimator that divides by the standard deviation or the mean of
 * a question's rewards divides s(x) away.
 */
export const cancelledValues: Rule = ({ pipeline, alternatives }) => {
  const scaled = scaledReward(pipeline.stages);
  if (!scaled) return [];
  return estimators(scaled.after).flatMap(({ stage, divisor }): Finding[] => {
    if (divisor !== 'group-std' && divisor !== 'group-mean') return [];
    const statistic = divisor === 'group-std' ? 'standard deviation' : 'mean';
    const keeping = alternatives.filter((d) => divisorByDefault(d) === 'nothing' && comparesRewards(d));
    const but = scaled.shaping.length > 0 ? `, but for what ${names(scaled.shaping)} adds` : '';
    const ways = [
      ...switches(stage).map((change) => `set ${change}`),
      ...(keeping.length > 0 ? [`take ${keeping.map((d) => d.name).join(', ')}`] : []),
      'take a reward without values, if that is what you mean to compare with',
    ];
    return [
      {
        severity: 'warning',
        code: 'value/cancelled',
        place: stage.placeOf(['use']) ?? stage.place,
        message: `${stage.use} divides by the ${statistic} of the rewards of each question, and s(x) of ${scaled.stage.use}, the same for all of them, cancels${but}: what a question is worth has no effect.`,
        help: sentence(ways),
      },
    ];
  });
};

/**
 * A scale that all questions share is cancelled by whitening over the batch exactly, and by AdamW, which divides by
 * the size of the gradient, under every estimator, unless something that is not scaled stands beside it.
 */
export const uniformValues: Rule = ({ pipeline, data }) => {
  const scaled = scaledReward(pipeline.stages);
  if (!scaled || scaled.shaping.length > 0 || hasUnscaledTerms(pipeline.stages)) return [];
  const { stage, scale } = scaled;
  const always = scale.ceiling !== undefined && scale.of(0) === scale.ceiling;
  const constant = always ? zeroParameter(stage) : undefined;
  const summary = spreadOf(scaled, data);
  if (!always && (!summary || summary.s_min !== summary.s_max)) return [];
  const whitens = estimators(scaled.after).some(({ divisor }) => divisor === 'batch-std');
  const why = always
    ? `${constant ? `${constant} 0 makes` : `${stage.use} has`} s(x) = ${scale.ceiling} for every question`
    : `s(x) is ${plainNumber(summary!.s_min)} for all ${fixed(summary!.n)} questions of the data`;
  const canceller = whitens
    ? 'whitening divides such a scale out exactly'
    : 'AdamW divides by the size of the gradient, and such a scale with it';
  return [
    {
      severity: 'warning',
      code: 'value/uniform',
      place: placeIn(stage, constant),
      message: `${why}, and a scale that all questions share teaches nothing: ${canceller}.`,
      help: 'Give questions different values, lower alpha where all of them saturate, or take a reward without values.',
    },
  ];
};

/** Where most questions stand at the top of the scale, values count alike for most. */
export const saturatedValues: Rule = ({ pipeline, data }) => {
  const scaled = scaledReward(pipeline.stages);
  const summary = scaled && spreadOf(scaled, data);
  if (!summary || summary.saturated_share <= 0.5 || summary.s_min === summary.s_max) return [];
  const { key, change, largest } = fittingChange(scaled, data!.values!);
  return [
    {
      severity: 'warning',
      code: 'value/saturated',
      place: placeIn(scaled.stage, key),
      message: scaleSentence(summary),
      help: change
        ? `${change} would tell all values up to ${largest} apart.`
        : 'Take a scale that goes on rising, or values that spread further below its top.',
    },
  ];
};

const flat = 1.01;

/** Where s(x) of the most valuable question is hardly above that of the least, values change next to nothing. */
export const flatValues: Rule = ({ pipeline, data }) => {
  const scaled = scaledReward(pipeline.stages);
  const summary = scaled && spreadOf(scaled, data);
  if (!summary || summary.s_min === summary.s_max || summary.s_max >= flat * summary.s_min) return [];
  const { key, change, largest } = fittingChange(scaled, data!.values!);
  const [from, to] = [summary.s_min, summary.s_max].map((s) => Number(s.toPrecision(5)));
  return [
    {
      severity: 'warning',
      code: 'value/flat',
      place: placeIn(scaled.stage, key),
      message: `s(x) runs from ${from} to ${to} over ${fixed(summary.n)} questions: what a question is worth changes next to nothing.`,
      help: change
        ? `${change} would let the largest value, ${largest}, reach the top of the scale.`
        : 'Let the scale rise more steeply, or normalise values so that they are larger.',
    },
  ];
};

/** A scale of one's own that fails on a value of the data would end the run at its first step. */
export const failingScale: Rule = ({ pipeline, data }) => {
  const scaled = scaledReward(pipeline.stages);
  if (!scaled || !data?.values) return [];
  try {
    scaleSummary(data.values, scaled.scale);
    return [];
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    return errorFindings(error, placeIn(scaled.stage, undefined));
  }
};

interface ScaledReward {
  readonly stage: PlacedStage;
  readonly scale: ValueScale;
  readonly after: readonly PlacedStage[];
  /** Stages that change the reward after it was scaled: a length penalty, a KL. */
  readonly shaping: readonly PlacedStage[];
}

/** The stage that scales rewards by value, where one after it reads them. */
function scaledReward(stages: readonly PlacedStage[]): ScaledReward | undefined {
  const at = stages.findLastIndex(({ definition, params }) =>
    definition.kind === 'map' ? definition.scalesReward?.(params) !== undefined : false,
  );
  const stage = stages[at];
  if (stage?.definition.kind !== 'map') return undefined;
  const after = stages.slice(at + 1);
  const shaping = after.filter((s) => columnsOf(s).adds.some((column) => rewards.includes(column)));
  const anew = shaping.some((s) => !columnsOf(s).needs.some((column) => rewards.includes(column)));
  const read = after.some((s) =>
    columnsOf(s).needs.some((column) => column === 'scale' || rewards.includes(column)),
  );
  if (anew || !read) return undefined;
  return { stage, scale: stage.definition.scalesReward!(stage.params)!, after, shaping };
}

/** The change of parameters that makes the scale rise as far as the largest value, and the first that changes. */
function fittingChange(
  { scale }: ScaledReward,
  values: Float64Array,
): { key: string | undefined; change: string; largest: string } {
  const largest = values.reduce((a, b) => Math.max(a, b));
  const changes = Object.entries(scale.fitting?.(largest) ?? {});
  return {
    key: changes[0]?.[0],
    change: changes.map(([key, value]) => `${key}: ${value}`).join(', '),
    largest: plainNumber(largest),
  };
}

/** What the scale makes of the questions; absent where they are not known, or it fails. */
function spreadOf({ scale }: ScaledReward, data: TrainingData | undefined): ScaleSummary | undefined {
  if (!data?.values) return undefined;
  try {
    return scaleSummary(data.values, scale);
  } catch {
    return undefined;
  }
}

/** Where the parameter stands, or else what the stage uses. */
function placeIn(stage: PlacedStage, key: string | undefined): Place {
  return (key === undefined ? undefined : stage.placeOf([key])) ?? stage.placeOf(['use']) ?? stage.place;
}

/** The parameter of a stage that is 0. */
function zeroParameter({ params }: PlacedStage): string | undefined {
  return Object.entries(params as object).find(([, value]) => value === 0)?.[0];
}

const rewards: readonly string[] = ['reward', 'token_rewards'];

function estimators(stages: readonly PlacedStage[]): { stage: PlacedStage; divisor: Divisor }[] {
  return stages.flatMap((stage) => {
    const { definition, params } = stage;
    if (definition.kind !== 'map' || !definition.dividesBy) return [];
    return [{ stage, divisor: definition.dividesBy(params) }];
  });
}

/** Changes of one parameter, on or off, after which the estimator divides by nothing: `std: false`. */
function switches({ definition, params }: PlacedStage): string[] {
  if (definition.kind !== 'map') return [];
  const given = params as Readonly<Record<string, unknown>>;
  return Object.keys(given).flatMap((key) => {
    if (typeof given[key] !== 'boolean') return [];
    return definition.dividesBy!({ ...given, [key]: !given[key] }) === 'nothing'
      ? [`${key}: ${!given[key]}`]
      : [];
  });
}

function divisorByDefault(definition: StageDefinition): Divisor | undefined {
  if (definition.kind !== 'map' || !definition.dividesBy) return undefined;
  const parsed = z.safeParse(definition.params, {});
  return parsed.success ? definition.dividesBy(parsed.data) : undefined;
}

/** Whether it compares rewards within a group, as the estimators do that a scale can be lost in. */
function comparesRewards(definition: StageDefinition): boolean {
  const parsed = z.safeParse(definition.params, {});
  if (definition.kind !== 'map' || !parsed.success) return false;
  const needs: readonly string[] = definition.needs(parsed.data);
  return needs.includes('group') && (needs.includes('reward') || needs.includes('scale'));
}

/** A KL or an entropy in the loss is not scaled, so a scale of the rewards is one relative to it. */
function hasUnscaledTerms(stages: readonly PlacedStage[]): boolean {
  return stages.some(
    ({ definition, params }) =>
      definition.kind === 'update' && (definition.unscaledTerms?.(params) ?? []).length > 0,
  );
}

function names(stages: readonly PlacedStage[]): string {
  return stages.map((stage) => stage.use).join(' and ');
}

function sentence(ways: readonly string[]): string {
  const text = `${ways.slice(0, -1).join('; ')}${ways.length > 1 ? '; or ' : ''}${ways.at(-1)}.`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
