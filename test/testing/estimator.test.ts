import { expect } from 'chai';
import { z } from 'zod';
import { spreadOverTokens } from '../../src/core/columns.ts';
import { defineMap } from '../../src/core/stage.ts';
import { grpo } from '../../src/stages/advantage/grpo.ts';
import { reinforcePlusPlus } from '../../src/stages/advantage/reinforce-plus-plus.ts';
import { rloo } from '../../src/stages/advantage/rloo.ts';
import { estimatorProperties } from '../../src/testing/index.ts';

/** An estimator of `compute`, which says of itself what `dividesBy` says. */
function estimator(
  compute: (rewards: Float64Array, groups: Int32Array) => ArrayLike<number>,
  dividesBy: 'nothing' | 'group-std' | 'batch-std' = 'nothing',
) {
  return defineMap({
    name: 'advantage/test',
    summary: '',
    params: z.strictObject({}),
    needs: () => ['reward', 'group', 'response_tokens'],
    adds: () => ['advantage'],
    dividesBy: () => dividesBy,
    create: () => ({
      run: ({ reward, group, response_tokens }) => ({
        advantage: spreadOverTokens(compute(reward, group), response_tokens),
      }),
    }),
  });
}

async function failing(properties: ReturnType<typeof estimatorProperties>): Promise<string[]> {
  const names: string[] = [];
  for (const { name, check } of properties) await check().catch(() => names.push(name));
  return names;
}

describe('testing/estimator', () => {
  it('passes what estimators of the package say of themselves', async () => {
    expect(await failing(estimatorProperties(rloo))).to.deep.equal([]);
    expect(await failing(estimatorProperties(grpo, { params: { eps: 1e-9 } }))).to.deep.equal([]);
    expect(await failing(estimatorProperties(grpo, { params: { std: false } }))).to.deep.equal([]);
    const whitened = estimatorProperties(reinforcePlusPlus, { params: { lossMask: true, eps: 0 } });
    expect(await failing(whitened)).to.deep.equal([]);
    expect(whitened.map(({ name }) => name).join()).to.contain('loss_mask');
  });

  it('finds the claim that is not true', async () => {
    const claimsToKeep = { ...grpo, dividesBy: () => 'nothing' as const };
    expect(await failing(estimatorProperties(claimsToKeep))).to.deep.equal([
      'keeps the scale of each group: s(x)',
    ]);
    const claimsToCancel = { ...rloo, dividesBy: () => 'group-std' as const };
    expect(await failing(estimatorProperties(claimsToCancel))).to.deep.equal([
      'cancels the scale of each group: s(x)',
    ]);
  });

  it('finds an estimator that looks at the order of the rows', async () => {
    const names = await failing(estimatorProperties(estimator((r) => r.map((x, i) => (i === 0 ? 0 : x)))));
    expect(names).to.include('moves with the rows');
  });

  it('finds an estimator that has no baseline', async () => {
    const names = await failing(estimatorProperties(estimator((r) => r)));
    expect(names).to.deep.equal([
      'is exactly 0 where all responses to a prompt earn the same',
      'stays when all rewards of one prompt rise by the same',
      'stays when all rewards of the batch rise by the same',
    ]);
    expect(
      await failing(
        estimatorProperties(
          estimator((r) => r),
          { shift: 'none' },
        ),
      ),
    ).to.deep.equal([]);
  });

  it('finds an estimator that remembers, and one that is not finite', async () => {
    let calls = 0;
    const names = await failing(estimatorProperties(estimator((r) => r.map(() => calls++))));
    expect(names).to.include('gives the same for the same rows, and changes none of its columns');
    const infinite = await failing(estimatorProperties(estimator((r) => r.map((x) => x / 0))));
    expect(infinite).to.include('gives each response token one finite advantage');
  });

  it('shows the smallest batch that breaks a property', async () => {
    const [, , moves] = estimatorProperties(
      estimator((r) => r.map((_, i) => i)),
      { seed: 1 },
    );
    const error = await moves!.check().catch((e: Error) => e.message);
    expect(error).to.equal(`stage/contract: It is not so that it moves with the rows.
Of { reward: [0, 0], group: [0, 0], tokens: [1, 1] }:
row 0: expected [1], is [0]
row 1: expected [0], is [1]
  What it does otherwise is said beside params: shift, scale, zero, mask. To draw the same batches: seed: 1.`);
  });
});
