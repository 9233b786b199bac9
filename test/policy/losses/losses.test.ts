import { expect } from 'chai';
import { randomKey } from '../../../src/core/random.ts';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import type { AggregateParams } from '../../../src/policy/losses/loss.ts';
import { type PeerCase, posed } from './peers.ts';
import { aggregationOf, type Outcome, outcomeOf, readCases } from './reference.ts';

/** The tolerance of fixtures/reference/README.md for float32. */
const expectClose = (actual: number, expected: number, what: string): void => {
  const difference = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  expect(difference, `${what}: ${actual} for ${expected}`).to.be.at.most(1e-6);
};

const cases = readCases('losses.json');
const more = [
  ...readCases<PeerCase>('losses_extra.json').filter(({ loss }) => loss !== 'value_loss'),
  ...readCases<PeerCase>('losses_more.json'),
];

for (const use of ['reference', 'onnx'] as const) {
  describe(`policy/losses on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use, ...(use === 'onnx' && { threads: 1 }) });
    });
    after(() => engine.close());

    const expectCase = async (example: PeerCase): Promise<Outcome> => {
      const { objective, given } = posed(example);
      const outcome = await outcomeOf(engine, objective, given);
      expectClose(outcome.loss, example.expected_loss, 'loss');
      const expected = example.expected_grad_wrt_logprobs.flat();
      for (const [i, g] of outcome.gradient.entries()) expectClose(g, expected[i]!, `gradient ${i}`);
      return outcome;
    };

    for (const example of cases) {
      it(`gives the loss, gradient and metrics of ${example.id}`, async () => {
        const { metrics } = await expectCase(example);
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

    for (const loss of new Set(more.map((example) => example.loss))) {
      // A few of each are enough to see that the other engine has what a loss is made of.
      const examples = more
        .filter((example) => example.loss === loss)
        .slice(0, use === 'onnx' ? 4 : undefined);
      it(`gives the loss and gradient of ${examples.length} more cases of ${loss}`, async () => {
        for (const example of examples) {
          try {
            await expectCase(example);
          } catch (error) {
            throw new Error(`${example.id}: ${(error as Error).message}`);
          }
        }
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
    const perToken = [
      'ppo-clip',
      'cispo',
      'importance-sampling',
      'reinforce',
      'sapo',
      'vespo',
      'dppo',
      'dro',
    ];
    for (const name of perToken) {
      const gradient = await gradientOf(`loss/${name}`, sum);
      for (const [i, g] of [-2, 1, 0].entries()) expect(gradient[i], name).to.be.closeTo(g, 1e-6);
    }
    // The mean advantage, 1/3, to each of three tokens, but where a token's own advantage is 0: it is one of responses.
    const mean = await gradientOf('loss/gmpo', 'seq-mean-token-mean');
    for (const [i, g] of [-1 / 9, -1 / 9, 0].entries()) expect(mean[i], 'gmpo').to.be.closeTo(g, 1e-6);
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

  it('draw for clip-cov as many tokens as asked for, at least one, of those that may be left out', () => {
    const n = 40;
    const tokens = {
      logprobs: Float32Array.from({ length: n }, (_, t) => -(t % 5) / 2),
      oldLogprobs: Float32Array.from({ length: n }, (_, t) => -(t % 5) / 2),
      advantages: Float32Array.from({ length: n }, (_, t) => 2 - (t % 5)),
      mask: new Float32Array(n).fill(1),
      key: randomKey(3, 'test'),
    };
    const { choose, params } = standardLosses['loss/clip-cov']!;
    const chosen = (own: object) => [...choose!(tokens, params.parse({ between: [0.5, 5], ...own }))];
    const count = (marks: number[]) => marks.filter((x) => x === 1).length;
    expect(count(chosen({ share: 0.1 }))).to.equal(4);
    expect(count(chosen({}))).to.equal(1);
    expect(chosen({ share: 0.1 })).to.deep.equal(chosen({ share: 0.1 }));
    // A and log pi move alike in steps: the covariance of a token is 0 in the middle, and 2 or 1/2 beside it.
    const all = chosen({ share: 1 });
    for (const [t, x] of all.entries()) expect(x, `token ${t}`).to.equal(t % 5 === 0 || t % 5 === 4 ? 1 : 0);
    expect(count(chosen({ share: 1, between: [9, 10] }))).to.equal(0);
  });

  it('refuse parameters that a loss does not have', () => {
    for (const [use, params] of [
      ['loss/ppo-clip', { clip: [0.2] }],
      ['loss/ppo-clip', { epsilon: 0.2 }],
      ['loss/reinforce', { clip: [0.2, 0.2] }],
      ['loss/reinforce', { aggregate: 'constant' }],
      ['loss/cross-entropy', { aggregate: 'mean' }],
      ['loss/gspo', { clip: [-0.1, 0.2] }],
      ['loss/gspo', { aggregate: 'constant' }],
      ['loss/sapo', { temperatures: [1, 0] }],
      ['loss/dro', { beta: 0 }],
      ['loss/cispo', { dualClip: 3 }],
    ] as const) {
      expect(standardLosses[use]!.params.safeParse(params).success, JSON.stringify(params)).to.equal(false);
    }
  });
});
