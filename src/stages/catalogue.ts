import { type Catalogue, catalogueOf } from '../core/stage.ts';
import { constant } from './advantage/constant.ts';
import { grpo } from './advantage/grpo.ts';
import { reinforcePlusPlus } from './advantage/reinforce-plus-plus.ts';
import { rloo } from './advantage/rloo.ts';
import { policyGradient } from './optimize/policy-gradient.ts';
import { supervised } from './optimize/supervised.ts';
import { exam } from './prompts/exam.ts';
import { correctness } from './reward/correctness.ts';
import { rlev } from './reward/rlev.ts';
import { rolloutFromData } from './rollout/from-data.ts';
import { rolloutPolicy } from './rollout/policy.ts';
import { points } from './value/points.ts';
import { auto } from './verify/auto.ts';
import { choice } from './verify/choice.ts';
import { exact } from './verify/exact.ts';
import { numeric } from './verify/numeric.ts';

/** Every stage that the package brings, in the order of the flow. */
export const builtInStages: Catalogue = catalogueOf([
  exam,
  rolloutPolicy,
  rolloutFromData,
  exact,
  numeric,
  choice,
  auto,
  points,
  rlev,
  correctness,
  constant,
  rloo,
  grpo,
  reinforcePlusPlus,
  policyGradient,
  supervised,
]);
