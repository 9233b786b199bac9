import { type Catalogue, catalogueOf } from '../core/stage.ts';
import { constant } from './advantage/constant.ts';
import { drGrpo } from './advantage/dr-grpo.ts';
import { gae } from './advantage/gae.ts';
import { gpg } from './advantage/gpg.ts';
import { grpo } from './advantage/grpo.ts';
import { grpoWeighted } from './advantage/grpo-weighted.ts';
import { maxRl } from './advantage/maxrl.ts';
import { opo } from './advantage/opo.ts';
import { passAtK } from './advantage/pass-at-k.ts';
import { reinforcePlusPlus } from './advantage/reinforce-plus-plus.ts';
import { reinforcePlusPlusBaseline } from './advantage/reinforce-plus-plus-baseline.ts';
import { reMax } from './advantage/remax.ts';
import { rloo } from './advantage/rloo.ts';
import { annotateLogprobs } from './annotate/logprobs.ts';
import { annotateValues } from './annotate/values.ts';
import { greedyBaseline } from './baseline/greedy.ts';
import { policyGradient } from './optimize/policy-gradient.ts';
import { supervised } from './optimize/supervised.ts';
import { exam } from './prompts/exam.ts';
import { correctness } from './reward/correctness.ts';
import { rewardKl } from './reward/kl.ts';
import { rlev } from './reward/rlev.ts';
import { rolloutFromData } from './rollout/from-data.ts';
import { rolloutPolicy } from './rollout/policy.ts';
import { sampled } from './select/sampled.ts';
import { signal } from './select/signal.ts';
import { maskTruncated } from './shape/mask-truncated.ts';
import { overlong } from './shape/overlong.ts';
import { column } from './value/column.ts';
import { difficulty } from './value/difficulty.ts';
import { noisy } from './value/noisy.ts';
import { passRate } from './value/pass-rate.ts';
import { points } from './value/points.ts';
import { predicted } from './value/predicted.ts';
import { shuffled } from './value/shuffled.ts';
import { uniform } from './value/uniform.ts';
import { auto } from './verify/auto.ts';
import { choice } from './verify/choice.ts';
import { exact } from './verify/exact.ts';
import { jsonSchema } from './verify/json-schema.ts';
import { math } from './verify/math.ts';
import { numeric } from './verify/numeric.ts';
import { regex } from './verify/regex.ts';

/** Every stage that the package brings, in the order of the flow. */
export const builtInStages: Catalogue = catalogueOf([
  exam,
  rolloutPolicy,
  rolloutFromData,
  exact,
  numeric,
  choice,
  math,
  auto,
  regex,
  jsonSchema,
  points,
  column,
  difficulty,
  passRate,
  predicted,
  uniform,
  shuffled,
  noisy,
  rlev,
  correctness,
  annotateLogprobs,
  annotateValues,
  rewardKl,
  overlong,
  maskTruncated,
  greedyBaseline,
  sampled,
  signal,
  constant,
  rloo,
  grpo,
  drGrpo,
  grpoWeighted,
  reinforcePlusPlus,
  reinforcePlusPlusBaseline,
  reMax,
  opo,
  gpg,
  passAtK,
  maxRl,
  gae,
  policyGradient,
  supervised,
]);
