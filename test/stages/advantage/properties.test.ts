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

describe('estimators of advantages', () => {
  for (const [name, definition] of builtInStages) {
    // advantage/constant looks at no reward.
    if (!name.startsWith('advantage/') || name === 'advantage/constant') continue;
    const estimator = definition as MapDefinition<unknown, ColumnName, 'advantage'>;
    describe(name, () => {
      const properties = estimatorProperties(estimator, { columns, runs: 15, ...traits[name] });
      for (const { name, check } of properties) it(name, check);
    });
  }
});
