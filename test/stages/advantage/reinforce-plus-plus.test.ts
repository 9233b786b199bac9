import { expect } from 'chai';
import fc from 'fast-check';
import { raggedFloat32, raggedInt32 } from '../../../src/core/columns.ts';
import {
  reinforcePlusPlus,
  reinforcePlusPlusAdvantages,
  tokenReturns,
} from '../../../src/stages/advantage/reinforce-plus-plus.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { near } from './batches.ts';
import { type Case, expectPerToken, offsetsOf, referenceCases } from './reference.ts';

const arrays = (c: Case) => [Float64Array.from(c.rewards), offsetsOf(c.lengths)] as const;
const verl = { gamma: 1, eps: 1e-8, ddof: 1 };

const responses = fc.array(
  fc.tuple(fc.double({ min: -10, max: 10, noNaN: true }), fc.integer({ min: 1, max: 6 })),
  { minLength: 2, maxLength: 16 },
);
const rewardsOf = (rows: readonly [number, number][]) => Float64Array.from(rows, ([reward]) => reward);
const lengthsOf = (rows: readonly [number, number][]) => rows.map(([, length]) => length);

describe('advantage/reinforce++', () => {
  it('discounts the reward for each token before the end', () => {
    const returns = tokenReturns(Float64Array.of(8, 1), Int32Array.of(0, 3, 4), 0.5);
    expect([...returns]).to.deep.equal([2, 4, 8, 1]);
  });

  it('agrees with verl', () => {
    for (const c of referenceCases('reinforce_plus_plus')) {
      const advantages = reinforcePlusPlusAdvantages(...arrays(c), { ...verl, gamma: c.params.gamma! });
      expectPerToken(advantages, c, 1e-6);
    }
  });

  it('agrees with OpenRLHF where its variance is the population’s without eps', () => {
    for (const c of referenceCases('openrlhf_reinforce', (c) => c.params.no_std_norm === false)) {
      const advantages = reinforcePlusPlusAdvantages(...arrays(c), {
        gamma: c.params.gamma!,
        eps: 0,
        ddof: 0,
      });
      expectPerToken(advantages, c, 1e-6);
    }
  });

  it('gives 0 where every response of the batch earns the same', () => {
    const advantages = reinforcePlusPlusAdvantages(
      new Float64Array(7).fill(1.37),
      offsetsOf([1, 2, 3, 4, 5, 6, 7]),
      {
        ...verl,
        eps: 0,
      },
    );
    expect(advantages.every((a) => a === 0)).to.equal(true);
  });

  it('does not change when all rewards rise by the same, or all are scaled by the same', () => {
    fc.assert(
      fc.property(responses, fc.double({ min: -5, max: 5, noNaN: true }), (rows, rise) => {
        const rewards = rewardsOf(rows);
        fc.pre(Math.max(...rewards) - Math.min(...rewards) > 0.1);
        const offsets = offsetsOf(lengthsOf(rows));
        const plain = reinforcePlusPlusAdvantages(rewards, offsets, { ...verl, eps: 0 });
        const risen = reinforcePlusPlusAdvantages(
          rewards.map((r) => r + rise),
          offsets,
          { ...verl, eps: 0 },
        );
        const scaled = reinforcePlusPlusAdvantages(
          rewards.map((r) => r * 1.7),
          offsets,
          { ...verl, eps: 0 },
        );
        return near(risen, plain, 1e-6) && near(scaled, plain, 1e-6);
      }),
    );
  });

  it('moves with the rows', () => {
    fc.assert(
      fc.property(responses, (rows) => {
        const forward = reinforcePlusPlusAdvantages(rewardsOf(rows), offsetsOf(lengthsOf(rows)), verl);
        const turned = [...rows].reverse();
        const backward = reinforcePlusPlusAdvantages(rewardsOf(turned), offsetsOf(lengthsOf(turned)), verl);
        // At gamma 1 all tokens of a response have the same advantage, so the tokens are simply reversed.
        return near([...backward].reverse(), forward, 1e-6);
      }),
    );
  });

  it('keeps differences of scale between questions', () => {
    const advantages = reinforcePlusPlusAdvantages(
      Float64Array.of(2, 1.1, 0, 0),
      offsetsOf([1, 1, 1, 1]),
      verl,
    );
    expect(advantages[0]! - advantages[2]!).to.be.closeTo(
      (2 / 1.1) * (advantages[1]! - advantages[2]!),
      1e-9,
    );
  });

  it('honours loss_mask only where a parameter says so', async () => {
    const columns = {
      reward: Float64Array.of(1, 0, 9),
      response_tokens: raggedInt32([[5], [5], [5]]),
      loss_mask: raggedFloat32([[1], [1], [0]]),
    };
    const masked = await createStage(reinforcePlusPlus, { lossMask: true, eps: 0 });
    const { advantage } = await masked.run(columns, stageEvent());
    expect(near(advantage.values, [Math.SQRT1_2, -Math.SQRT1_2, 0], 1e-6)).to.equal(true);
    const plain = await createStage(reinforcePlusPlus);
    expect((await plain.run(columns, stageEvent())).advantage.values[2]).to.be.greaterThan(1);
    expect(reinforcePlusPlus.needs({ gamma: 1, eps: 0, lossMask: false })).to.not.include('loss_mask');
  });
});
