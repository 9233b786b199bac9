import type { ColumnName } from '../../../src/core/columns.ts';
import { spreadOverTokens } from '../../../src/core/columns.ts';
import type { MapDefinition } from '../../../src/core/stage.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { type EstimatorTraits, estimatorProperties } from '../../../src/testing/index.ts';

/** What an estimator does otherwise than its `dividesBy` lets expect, and why. */
const traits: Record<string, EstimatorTraits> = {
  // Its baseline is the greedy response, not the others.
  'advantage/remax': { shift: 'none' },
  // It counts the rewards that are not 0.
  'advantage/gpg': { shift: 'none', zero: 'group' },
  // It normalises correctness, which stands here for the reward, and weighs that by s(x).
  'advantage/grpo-weighted': { scale: 'group' },
};

/** Columns that some estimators read beside the rewards: a scale and values that change nothing. */
const columns: EstimatorTraits['columns'] = ({ reward, response_tokens }) => ({
  correct: Float32Array.from(reward),
  scale: new Float64Array(reward.length).fill(1),
  baseline_reward: new Float64Array(reward.length),
  values: spreadOverTokens(new Float64Array(reward.length), response_tokens),
});

/** Its baseline is the mean of the batch and it divides by nothing: neither s(x) nor a shift of one group passes unchanged. */
const centred: EstimatorTraits = { params: { std: false }, shift: 'batch', scale: 'none', zero: 'batch' };

/** The same with other parameters; not presets that keep the reward of an only response, which is no advantage. */
const variants: Record<string, readonly EstimatorTraits[]> = {
  'advantage/rloo': [
    // TRL's eps of 1e-4 shows where the deviation is small.
    { params: { preset: 'trl', normalize: true }, zero: 'group', tolerance: 1e-3 },
    { params: { preset: 'openrlhf' } },
  ],
  'advantage/grpo': [
    { params: { preset: 'openrlhf' } },
    { params: { preset: 'trl', std: 'batch' }, zero: 'group', tolerance: 1e-3 },
    { params: { std: false } },
    { params: { eps: 0 } },
  ],
  'advantage/grpo-weighted': [{ params: { preset: 'openrlhf' } }],
  'advantage/reinforce++': [
    { params: { preset: 'openrlhf', lossMask: true } },
    { params: { preset: 'verl', lossMask: true } },
    // Discounting tells responses of one reward apart by their length.
    { params: { gamma: 0.9, lossMask: true }, shift: 'none', zero: 'never' },
    centred,
  ],
  'advantage/reinforce++-baseline': [{ params: { preset: 'openrlhf', lossMask: true } }],
  'advantage/gae': [
    { params: { preset: 'openrlhf', lossMask: true } },
    { params: { lambda: 0.9 }, shift: 'none', zero: 'never' },
    centred,
  ],
  'advantage/opo': [{ params: { lossMask: true } }],
  'advantage/remax': [{ params: { lossMask: true } }],
  'advantage/gpg': [{ params: { norm: 2 } }],
  'advantage/pass-at-k': [{ params: { std: true, eps: 1e-9 } }],
};

describe('estimators of advantages', () => {
  for (const [name, definition] of builtInStages) {
    // advantage/constant looks at no reward.
    if (!name.startsWith('advantage/') || name === 'advantage/constant') continue;
    const estimator = definition as MapDefinition<unknown, ColumnName, 'advantage'>;
    for (const variant of [{} as EstimatorTraits, ...(variants[name] ?? [])]) {
      describe(`${name} ${JSON.stringify(variant.params ?? {})}`, () => {
        const drawn: EstimatorTraits = { columns, runs: 15, ...traits[name], ...variant };
        for (const { name: title, check } of estimatorProperties(estimator, drawn)) it(title, check);
      });
    }
  }
});
