import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Ragged, raggedFloat32 } from '../../../src/core/columns.ts';
import type { Aggregation } from '../../../src/core/services.ts';
import { tf } from '../../../src/engine/tf.ts';
import { tokenWeight, updateTotals } from '../../../src/policy/losses/aggregate.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import { logRatio, ownLogRatio } from '../../../src/policy/losses/log-ratio.ts';
import { fixture } from '../models.ts';

interface LossCase {
  readonly id: string;
  readonly loss: string;
  readonly params: {
    clip_ratio_low: number;
    clip_ratio_high: number;
    clip_ratio_c: number;
    loss_agg_mode: string;
    dp_size?: number;
    batch_num_tokens?: number;
    global_batch_size?: number;
    loss_scale_factor?: number;
  };
  readonly logprobs: number[][];
  readonly old_logprobs: number[][];
  readonly advantages: number[][];
  readonly mask: number[][];
  readonly rollout_is_weights?: number[][];
  readonly expected_loss: number;
  readonly expected_grad_wrt_logprobs: number[][];
  readonly expected_metrics: { pg_clipfrac: number; ppo_kl: number; pg_clipfrac_lower: number };
}

const cases: LossCase[] = JSON.parse(readFileSync(fixture('reference', 'losses.json'), 'utf8'));
const aggregations: Record<string, Aggregation> = { 'seq-mean-token-sum-norm': 'constant' };

/** The tolerance of fixtures/reference/README.md for float32. */
const expectClose = (actual: number, expected: number, what: string): void => {
  const difference = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  expect(difference, what).to.be.at.most(1e-6);
};

/** Weights of a dense case as the trainer makes them, masked. */
function weightsOf(example: LossCase): number[][] {
  const { params, mask } = example;
  const ragged: Ragged<Float32Array> = raggedFloat32(mask);
  const counted = updateTotals(
    ragged,
    mask.map((_, i) => i),
  );
  const totals = {
    tokens: params.batch_num_tokens ?? counted.tokens,
    rows: params.global_batch_size ?? counted.rows,
  };
  const aggregation = aggregations[params.loss_agg_mode] ?? (params.loss_agg_mode as Aggregation);
  const length = params.loss_scale_factor ?? mask[0]!.length;
  return mask.map((row, i) => {
    const weight = tokenWeight(aggregation, totals, ragged, i, length) * (params.dp_size ?? 1);
    return row.map((m, t) => m * weight * (example.rollout_is_weights?.[i]?.[t] ?? 1));
  });
}

describe('policy/losses', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  const ppo = cases.filter((c) => c.loss === 'ppo_clip' || c.loss === 'ppo_clip_higher');
  for (const example of ppo) {
    it(`gives the loss, gradient and metrics of ${example.id}`, () => {
      const { clip_ratio_low: low, clip_ratio_high: high, clip_ratio_c: dualClip } = example.params;
      const loss = standardLosses['loss/ppo-clip']!;
      const params = loss.params.parse({ clip: [low, high], dualClip });
      const weights = weightsOf(example);
      tf.tidy(() => {
        const logprobs = tf.tensor2d(example.logprobs);
        const perToken = (x: typeof logprobs) =>
          loss.perToken(
            {
              logprobs: x,
              logRatio: logRatio(x, tf.tensor2d(example.old_logprobs)),
              advantages: tf.tensor2d(example.advantages),
              mask: tf.tensor2d(example.mask),
            },
            params,
          );
        const scalar = tf.valueAndGrad((x) =>
          tf.sum(tf.mul(perToken(x as typeof logprobs).loss, tf.tensor2d(weights))),
        );
        const { value, grad } = scalar(logprobs);
        expectClose(value.dataSync()[0]!, example.expected_loss, 'loss');
        const expected = example.expected_grad_wrt_logprobs.flat();
        for (const [i, g] of grad.dataSync().entries()) expectClose(g, expected[i]!, `gradient ${i}`);

        const { metrics } = perToken(logprobs);
        const mean = (name: string): number => {
          const numbers = metrics[name]!.dataSync();
          const mask = example.mask.flat();
          const sum = mask.reduce((total, m, i) => total + m * numbers[i]!, 0);
          return sum / mask.reduce((a, b) => a + b);
        };
        const reference = example.expected_metrics;
        expectClose(mean('clip_fraction'), reference.pg_clipfrac, 'clip_fraction');
        expectClose(mean('dual_clip_fraction'), reference.pg_clipfrac_lower, 'dual_clip_fraction');
        expectClose(mean('approx_kl'), reference.ppo_kl, 'approx_kl');
      });
    });
  }

  it('covers all four aggregations', () => {
    const modes = new Set(ppo.map((c) => aggregations[c.params.loss_agg_mode] ?? c.params.loss_agg_mode));
    expect([...modes].sort()).to.deep.equal([
      'constant',
      'seq-mean-token-mean',
      'seq-mean-token-sum',
      'token-mean',
    ]);
  });

  it('makes PPO on the policy itself the policy gradient', () => {
    const gradient = (use: string): number[] =>
      tf.tidy(() => {
        const loss = standardLosses[use]!;
        const run = tf.grad((x) => {
          const inputs = { logprobs: x, advantages: tf.tensor2d([[2, -1, 0]]), mask: tf.ones([1, 3]) };
          return tf.sum(loss.perToken({ ...inputs, logRatio: ownLogRatio(x) }, loss.params.parse({})).loss);
        });
        return Array.from(run(tf.tensor2d([[-1, -2, -3]])).dataSync());
      });
    expect(gradient('loss/ppo-clip').map((g) => g + 0)).to.deep.equal([-2, 1, 0]);
    expect(gradient('loss/reinforce').map((g) => g + 0)).to.deep.equal([-2, 1, 0]);
  });

  it('refuses parameters that a loss does not have', () => {
    for (const [use, params] of [
      ['loss/ppo-clip', { clip: [0.2] }],
      ['loss/ppo-clip', { epsilon: 0.2 }],
      ['loss/reinforce', { clip: [0.2, 0.2] }],
      ['loss/reinforce', { aggregate: 'constant' }],
      ['loss/cross-entropy', { aggregate: 'mean' }],
    ] as const) {
      expect(standardLosses[use]!.params.safeParse(params).success, JSON.stringify(params)).to.equal(false);
    }
  });
});
