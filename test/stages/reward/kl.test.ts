import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { raggedFloat32 } from '../../../src/core/columns.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { klOfTokens, penalised, type RewardKl, rewardKl } from '../../../src/stages/reward/kl.ts';

interface KlCase {
  readonly id: string;
  readonly params: { readonly kl_penalty?: string };
  readonly logprobs: number[][];
  readonly ref_logprobs: number[][];
  readonly expected_kl_per_token?: number[][];
}

const read = (name: string): KlCase[] => JSON.parse(readFileSync(`fixtures/reference/${name}`, 'utf8'));
const cases = [...read('losses.json'), ...read('losses_more.json')];
const aliases: Record<string, string> = { kl: 'k1', mse: 'k2', low_var_kl: 'k3' };

const columns = {
  reward: Float64Array.of(2, 1),
  sampled_logprobs: raggedFloat32([[-1, -2], [-3]]),
  old_logprobs: raggedFloat32([[-1.5, -2], [-3]]),
  ref_logprobs: raggedFloat32([[-2, -1.5], [-3]]),
  advantage: raggedFloat32([[4, 4], [-2]]),
  loss_mask: raggedFloat32([[1, 0], [1]]),
};

const run = async (params: Record<string, unknown>) => {
  const stage = await createStage(rewardKl, params);
  return stage.run(columns, stageEvent());
};

describe('reward/kl', () => {
  for (const example of cases) {
    const { kl_penalty: name = '' } = example.params;
    if (!example.expected_kl_per_token || name.endsWith('+')) continue;
    it(`gives the KL of each token of ${example.id}`, () => {
      const kl = klOfTokens(
        (aliases[name] ?? name) as RewardKl,
        example.logprobs.flat(),
        example.ref_logprobs.flat(),
      );
      for (const [t, expected] of example.expected_kl_per_token!.flat().entries()) {
        expect(Math.abs(kl[t]! - expected) / Math.max(1, Math.abs(expected)), `${t}`).to.be.at.most(1e-7);
      }
    });
  }

  it('takes the KL of a response off its reward', async () => {
    const { reward } = await run({ coefficient: 0.1 });
    expect(Array.from(reward)).to.deep.equal([2 - 0.1 * (1 - 0.5), 1]);
    expect(rewardKl.replaces!(rewardKl.params.parse({}))).to.deep.equal(['reward']);
  });

  it('or, behind an estimator, what is to come of it off the advantage of each token', async () => {
    const { advantage } = await run({ coefficient: 0.5, into: 'advantage' });
    expect(Array.from(advantage.values)).to.deep.equal([4 - 0.5 * (1 - 0.5), 4 + 0.5 * 0.5, -2]);
    const masked = await run({ coefficient: 0.5, into: 'advantage', lossMask: true });
    expect(Array.from(masked.advantage.values)).to.deep.equal([3.5, 4, -2]);
  });

  it('or adds a reward for each token, the reward itself on the last', async () => {
    const params = { coefficient: 0.5, into: 'token_rewards' };
    const added = await run(params);
    expect(Object.keys(added)).to.deep.equal(['token_rewards']);
    expect(Array.from(added.token_rewards.values)).to.deep.equal([-0.5, 2.25, 1]);
    expect(rewardKl.replaces!(rewardKl.params.parse(params))).to.deep.equal([]);
  });

  it('sums to the same in both forms, whatever the estimate', () => {
    const offsets = Int32Array.of(0, 2, 2, 3);
    const { reward, tokenRewards } = penalised(
      Float64Array.of(2, 7, 1),
      Float64Array.of(0.5, 0.25, -1),
      offsets,
      0.5,
    );
    expect(tokenRewards[0]! + tokenRewards[1]!).to.equal(reward[0]);
    expect(reward[1]).to.equal(7);
    expect(tokenRewards[2]).to.equal(reward[2]);
  });

  it('counts only what loss_mask marks, and reads old_logprobs where it is told to', async () => {
    const masked = await run({ coefficient: 1, lossMask: true });
    expect(Array.from(masked.reward)).to.deep.equal([1, 1]);
    const tokens = await run({ coefficient: 1, lossMask: true, into: 'token_rewards' });
    expect(Array.from(tokens.token_rewards.values)).to.deep.equal([1, 0, 1]);
    const old = await run({ coefficient: 1, of: 'old_logprobs' });
    expect(Array.from(old.reward)).to.deep.equal([2 - (0.5 - 0.5), 1]);
    const needs = rewardKl.needs(rewardKl.params.parse({ of: 'old_logprobs', lossMask: true }));
    expect(needs).to.deep.equal(['reward', 'old_logprobs', 'ref_logprobs', 'loss_mask']);
  });
});
