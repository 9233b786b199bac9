import { expect } from 'chai';
import { raggedFloat32 } from '../../../src/core/columns.ts';
import type { KlEstimator } from '../../../src/core/services.ts';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import type { AggregateParams } from '../../../src/policy/losses/loss.ts';
import type { Objective } from '../../../src/policy/losses/objective.ts';
import { importanceCorrection } from '../../../src/stages/optimize/importance.ts';
import { aggregationOf, type LossCase, outcomeOf, readCases } from './reference.ts';

/** The tolerance of fixtures/reference/README.md for float32. */
const expectClose = (actual: number, expected: number, what: string): void => {
  const difference = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  expect(difference, `${what}: ${actual} for ${expected}`).to.be.at.most(1e-6);
};

const names: Record<string, string> = {
  ppo_clip: 'loss/ppo-clip',
  ppo_clip_higher: 'loss/ppo-clip',
  ppo_clip_plus_kl: 'loss/ppo-clip',
  gspo: 'loss/gspo',
  cispo: 'loss/cispo',
  gpg: 'loss/reinforce',
};
const aliases: Record<string, string> = { kl: 'k1', mse: 'k2', low_var_kl: 'k3' };

function objectiveOf({ loss: name, params }: LossCase): Objective {
  const { clip_ratio_low: low, clip_ratio_high: high, clip_ratio_c: dualClip } = params;
  const loss = standardLosses[names[name]!]!;
  const own = {
    ...(low !== undefined && { clip: [low, high] }),
    ...(loss.use === 'loss/ppo-clip' && { dualClip }),
  };
  const kl = params.kl_penalty;
  return {
    loss,
    params: loss.params.parse(own),
    ...(kl && { kl: { use: (aliases[kl] ?? kl) as KlEstimator, coefficient: params.kl_coef ?? 1 } }),
  };
}

/** A KL penalty by itself: beside it, a loss that is zero. */
const penaltyOf = (example: LossCase): [Objective, LossCase] => [
  objectiveOf({ ...example, loss: 'gpg' }),
  { ...example, advantages: example.mask.map((row) => row.map(() => 0)) },
];

const cases = readCases('losses.json');

interface OpenRlhfCase extends Omit<LossCase, 'params'> {
  readonly params: {
    readonly clip_eps_low: number;
    readonly clip_eps_high: number;
    readonly dual_clip?: number | null;
    readonly token_level_loss: boolean;
    readonly policy_loss_type: 'ppo' | 'gspo';
    readonly vllm_is_truncated_threshold?: readonly [number, number];
    readonly vllm_is_correction_type?: string;
  };
  readonly rollout_logprobs?: number[][];
}

const openRlhf = readCases<OpenRlhfCase>('losses_extra.json').filter(
  ({ loss, params }) => loss === 'openrlhf_policy_loss' && params.vllm_is_correction_type !== 'seq-mask-tis',
);

function openRlhfObjective(example: OpenRlhfCase): [Objective, LossCase] {
  const { params, rollout_logprobs: sampled } = example;
  const loss = standardLosses[`loss/${params.policy_loss_type === 'gspo' ? 'gspo' : 'ppo-clip'}`]!;
  const own = loss.params.parse({
    clip: [params.clip_eps_low, params.clip_eps_high],
    ...(params.dual_clip && { dualClip: params.dual_clip }),
  });
  const tokens = params.token_level_loss && params.policy_loss_type === 'ppo';
  const bounds = params.vllm_is_truncated_threshold;
  const weights =
    sampled &&
    importanceCorrection(
      raggedFloat32(example.old_logprobs!),
      raggedFloat32(sampled),
      Float32Array.from(example.mask.flat()),
      {
        level: 'token',
        threshold: bounds!,
        outside: params.vllm_is_correction_type === 'tis' ? 'clamp' : 'zero',
        normalize: false,
        reject: [],
      },
    ).weights!;
  const width = example.mask[0]!.length;
  const given = {
    ...example,
    params: { ...cases[0]!.params, loss_agg_mode: tokens ? 'token-mean' : 'seq-mean-token-mean' },
    ...(weights && {
      rollout_is_weights: example.mask.map((_, i) => [...weights.subarray(i * width, (i + 1) * width)]),
    }),
  };
  return [{ loss, params: own }, given];
}

for (const use of ['reference', 'onnx'] as const) {
  describe(`policy/losses on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use, ...(use === 'onnx' && { threads: 1 }) });
    });
    after(() => engine.close());

    for (const example of cases) {
      it(`gives the loss, gradient and metrics of ${example.id}`, async () => {
        const [objective, given] =
          example.loss === 'kl_penalty' ? penaltyOf(example) : [objectiveOf(example), example];
        const { loss, gradient, metrics } = await outcomeOf(engine, objective, given);
        expectClose(loss, example.expected_loss, 'loss');
        const expected = example.expected_grad_wrt_logprobs.flat();
        for (const [i, g] of gradient.entries()) expectClose(g, expected[i]!, `gradient ${i}`);
        const reference = example.expected_metrics;
        for (const [name, theirs] of [
          ['clip_fraction', 'pg_clipfrac'],
          ['dual_clip_fraction', 'pg_clipfrac_lower'],
          ['approx_kl', 'ppo_kl'],
          ['kl', 'kl_mean'],
        ] as const) {
          if (metrics[name] === undefined || reference[theirs] === undefined) continue;
          expectClose(metrics[name], reference[theirs], name);
        }
      });
    }

    for (const example of openRlhf) {
      it(`gives the loss and gradient of ${example.id}`, async () => {
        const outcome = await outcomeOf(engine, ...openRlhfObjective(example));
        expectClose(outcome.loss, example.expected_loss, 'loss');
        const expected = example.expected_grad_wrt_logprobs.flat();
        for (const [i, g] of outcome.gradient.entries()) expectClose(g, expected[i]!, `gradient ${i}`);
      });
    }

    it('weighs each token by A rho in importance sampling, with that gradient', async () => {
      const example = cases.find(({ id }) => id === 'verl-ppo-clip-token-mean')!;
      const loss = standardLosses['loss/importance-sampling']!;
      const outcome = await outcomeOf(engine, { loss, params: loss.params.parse({}) }, example);
      const { advantages, logprobs, old_logprobs: old, mask } = example;
      const tokens = mask.flat().reduce((a, b) => a + b);
      const weighed = logprobs.flatMap((row, i) =>
        row.map((p, t) => (-mask[i]![t]! * advantages![i]![t]! * Math.exp(p - old![i]![t]!)) / tokens),
      );
      expectClose(
        outcome.loss,
        weighed.reduce((a, b) => a + b),
        'loss',
      );
      // d rho / d log pi = rho.
      for (const [i, g] of outcome.gradient.entries()) expectClose(g, weighed[i]!, `gradient ${i}`);
    });
  });
}

describe('policy/losses', () => {
  let engine: Engine;
  before(async () => {
    engine = await openEngine({ use: 'reference' });
  });
  after(() => engine.close());

  const gradientOf = async (use: string, mode: AggregateParams['aggregate'], params: object = {}) => {
    const loss = standardLosses[use]!;
    const example = {
      ...cases[0]!,
      params: { ...cases[0]!.params, loss_agg_mode: mode },
      logprobs: [[-1, -2, -3]],
      old_logprobs: null,
      advantages: [[2, -1, 0]],
      mask: [[1, 1, 1]],
    };
    const outcome = await outcomeOf(engine, { loss, params: loss.params.parse(params) }, example);
    return Array.from(outcome.gradient, (g) => g + 0);
  };

  it('are all the policy gradient where the policy that trains is the one before the update', async () => {
    const sum = 'seq-mean-token-sum';
    for (const use of ['loss/ppo-clip', 'loss/cispo', 'loss/importance-sampling', 'loss/reinforce']) {
      expect(await gradientOf(use, sum), use).to.deep.equal([-2, 1, 0]);
    }
    const thirds = (await gradientOf('loss/gspo', 'seq-mean-token-mean')).map((g) => g * 3);
    for (const [i, g] of [-2, 1, 0].entries()) expect(thirds[i]).to.be.closeTo(g, 1e-6);
  });

  it('cover all four aggregations in the reference cases', () => {
    for (const loss of ['ppo_clip', 'gpg', 'cispo']) {
      const modes = cases.filter((c) => c.loss === loss).map((c) => aggregationOf(c.params.loss_agg_mode));
      expect([...new Set(modes)].sort(), loss).to.deep.equal([
        'constant',
        'seq-mean-token-mean',
        'seq-mean-token-sum',
        'token-mean',
      ]);
    }
  });

  it('refuse parameters that a loss does not have', () => {
    for (const [use, params] of [
      ['loss/ppo-clip', { clip: [0.2] }],
      ['loss/ppo-clip', { epsilon: 0.2 }],
      ['loss/reinforce', { clip: [0.2, 0.2] }],
      ['loss/reinforce', { aggregate: 'constant' }],
      ['loss/cross-entropy', { aggregate: 'mean' }],
      ['loss/gspo', { aggregate: 'token-mean' }],
      ['loss/cispo', { dualClip: 3 }],
    ] as const) {
      expect(standardLosses[use]!.params.safeParse(params).success, JSON.stringify(params)).to.equal(false);
    }
  });
});
