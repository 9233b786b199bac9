import { expect } from 'chai';
import fc from 'fast-check';
import { foldIn, permutation, randomKey, uniform } from '../../../src/core/random.ts';
import type { Aggregation, KlSpec } from '../../../src/core/services.ts';
import { type Engine, openEngine } from '../../../src/engine/engine.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import type { Objective } from '../../../src/policy/losses/objective.ts';
import { chosenOf, type LossCase, outcomeOf } from './reference.ts';

const aggregations: readonly Aggregation[] = [
  'token-mean',
  'token-sum',
  'seq-mean-token-sum',
  'seq-mean-token-mean',
  'constant',
];
const estimators: readonly KlSpec['use'][] = ['k1', 'k1+', 'abs', 'abs+', 'k2', 'k3', 'k3+'];

const draw = fc.record({
  seed: fc.nat(),
  rows: fc.integer({ min: 2, max: 7 }),
  width: fc.integer({ min: 1, max: 6 }),
  kl: fc.option(fc.record({ use: fc.constantFrom(...estimators), byRatio: fc.boolean() }), {
    nil: undefined,
  }),
  weighted: fc.boolean(),
  offPolicy: fc.option(fc.constant(0.05), { nil: undefined }),
  parts: fc.integer({ min: 1, max: 4 }),
  padding: fc.integer({ min: 0, max: 3 }),
});
type Drawn = typeof draw extends fc.Arbitrary<infer T> ? T : never;

/** An update on rows of which one has holes and the last, of three or more, no token that counts. */
function update({ seed, rows, width, kl, weighted, offPolicy }: Drawn): LossCase {
  const key = randomKey(seed, 'splits');
  const matrix = (column: number, f: (u: number, i: number) => number): number[][] =>
    Array.from({ length: rows }, (_, i) =>
      Array.from({ length: width }, (_, t) => f(uniform(foldIn(key, column, i), t), i)),
    );
  const mask = matrix(0, (u, i) => (i === 0 || u < 0.7 ? 1 : 0));
  if (rows > 2) mask[rows - 1]!.fill(0);
  return {
    id: 'splits',
    loss: '',
    params: {} as LossCase['params'],
    logprobs: matrix(1, (u) => -3 * u - 0.01),
    old_logprobs: matrix(2, (u) => -3 * u - 0.01),
    ref_logprobs: kl ? matrix(3, (u) => -3 * u - 0.01) : null,
    advantages: matrix(4, (u) => 4 * u - 2),
    mask,
    ...(weighted && { rollout_is_weights: matrix(5, (u) => 2 * u) }),
    ...(offPolicy !== undefined && { rollout_logprobs: matrix(6, (u) => -3 * u - 0.01) }),
    expected_loss: 0,
    expected_grad_wrt_logprobs: [],
    expected_metrics: {},
  };
}

/** Some rows of an update, padded, as a micro-batch of it: the totals are those of the whole. */
function part(
  whole: LossCase,
  rows: readonly number[],
  padding: number,
  params: LossCase['params'],
): LossCase {
  const pick = <T extends number[][] | null | undefined>(matrix: T): T =>
    matrix && (rows.map((i) => [...matrix[i]!, ...new Array<number>(padding).fill(0)]) as T);
  return {
    ...whole,
    params,
    logprobs: pick(whole.logprobs),
    old_logprobs: pick(whole.old_logprobs),
    ref_logprobs: pick(whole.ref_logprobs),
    advantages: pick(whole.advantages),
    mask: pick(whole.mask),
    ...(whole.rollout_is_weights && { rollout_is_weights: pick(whole.rollout_is_weights) }),
    ...(whole.rollout_logprobs && { rollout_logprobs: pick(whole.rollout_logprobs) }),
    ...(whole.chosen && { chosen: pick(whole.chosen) }),
  };
}

describe('policy/losses, whatever the micro-batches, their padding and the order of rows', () => {
  let engine: Engine;
  before(async () => {
    engine = await openEngine({ use: 'reference' });
  });
  after(() => engine.close());

  const check = async (use: string, own: object, aggregate: Aggregation, drawn: Drawn): Promise<void> => {
    const { rows, width, kl, offPolicy, parts, padding, seed } = drawn;
    const loss = standardLosses[use]!;
    const corrected = offPolicy !== undefined && loss.needs.includes('advantage') ? { offPolicy } : {};
    const objective: Objective = {
      loss,
      params: loss.params.parse(own),
      ...(kl && { kl: { ...kl, coefficient: 0.3 } }),
      ...corrected,
    };
    const plain = update(drawn);
    const chosen = chosenOf(objective, plain);
    const whole = { ...plain, ...(chosen && { chosen }) };
    const params = {
      loss_agg_mode: aggregate,
      batch_num_tokens: whole.mask.flat().reduce((a, b) => a + b),
      global_batch_size: whole.mask.filter((row) => row.includes(1)).length,
      loss_scale_factor: 8,
    } as unknown as LossCase['params'];
    const order = [...permutation(randomKey(seed, 'order'), rows)];
    const expected = await outcomeOf(engine, objective, { ...whole, params });
    let sum = 0;
    for (let p = 0; p < parts; p++) {
      const mine = order.filter((_, i) => i % parts === p);
      if (mine.length === 0) continue;
      const outcome = await outcomeOf(engine, objective, part(whole, mine, padding, params));
      sum += outcome.loss;
      mine.forEach((row, i) => {
        for (let t = 0; t < width; t++) {
          const theirs = expected.gradient[row * width + t]!;
          const ours = outcome.gradient[i * (width + padding) + t]!;
          expect(ours, `row ${row}, token ${t}`).to.be.closeTo(theirs, 1e-5 * Math.max(1, Math.abs(theirs)));
        }
        for (let t = width; t < width + padding; t++) {
          expect(outcome.gradient[i * (width + padding) + t]! + 0, 'padding').to.equal(0);
        }
      });
    }
    expect(sum).to.be.closeTo(expected.loss, 1e-5 * Math.max(1, Math.abs(expected.loss)));
  };

  const variants = [
    ...Object.keys(standardLosses).map((use) => [use, {}] as const),
    ['loss/ppo-clip', { ratio: 'sequence', clip: [0.5, 2], dualClip: 3 }] as const,
    ['loss/gspo', { clip: [0.5, 2], dualClip: 3 }] as const,
    ['loss/dppo', { divergence: 'kl' }] as const,
    ['loss/clip-cov', { share: 0.2, between: [-1, 1] }] as const,
    ['loss/kl-cov', { share: 0.2 }] as const,
  ];
  for (const [use, own] of variants) {
    it(`${use} ${JSON.stringify(own)} keeps its loss and gradient, by every aggregation`, async () => {
      for (const aggregate of aggregations) {
        const property = fc.asyncProperty(draw, (drawn) => check(use, own, aggregate, drawn));
        await fc.assert(property, { numRuns: 1 });
      }
    });
  }
});
