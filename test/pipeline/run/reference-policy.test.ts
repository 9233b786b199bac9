import { expect } from 'chai';
import { z } from 'zod';
import type { Columns } from '../../../src/core/columns.ts';
import { catalogueOf, defineMap } from '../../../src/core/stage.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { largestDifference } from '../../policy/models.ts';

const needed = ['sampled_logprobs', 'old_logprobs', 'ref_logprobs', 'token_rewards'] as const;
type Seen = Columns<(typeof needed)[number]>;

/** All that is about other policies than the one that trains, in one pipeline. */
const pipeline = `
rlev: 1
run: { steps: 4, seed: 1 }
policy: { from: fixtures/models/tiny-llama, engine: { use: onnx, threads: 1 } }
stages:
  prompts: { use: prompts/exam, file: fixtures/exams/smoke.jsonl, perStep: 2 }
  rollout: { use: rollout/policy, samples: 2, maxTokens: 6 }
  verify: { use: verify/numeric }
  value: { use: value/points }
  reward: { use: reward/rlev }
  annotate: { use: annotate/logprobs, add: [old_logprobs, ref_logprobs] }
  kl: { use: reward/kl, into: token_rewards }
  look: { use: test/look }
  advantage: { use: advantage/constant }
  optimize:
    use: optimize/policy-gradient
    loss: { use: loss/gspo }
    kl: { use: k2, coefficient: 0.01 }
    entropy: { coefficient: 0.01 }
    reference: { every: 2 }
    importance: { level: sequence }
    epochs: 2
    adamw: { lr: 1e-3 }
`;

describe('a run with a reference, KL, entropy and importance weights', function () {
  this.timeout(60_000);
  const seen: Seen[] = [];
  const metrics: Record<string, number>[] = [];
  before(async () => {
    const look = defineMap({
      name: 'test/look',
      summary: 'Keeps what it sees.',
      params: z.strictObject({}),
      needs: () => needed,
      adds: () => [],
      create: () => ({
        run: (columns: Seen) => {
          seen.push(columns);
          return {};
        },
      }),
    });
    const catalogue = catalogueOf([...builtInStages.values(), look]);
    const resolved = resolvePipeline(pipeline, 'reference.yaml', { catalogue });
    await train(resolved, {
      record: false,
      onEvent: (event) => {
        if (event.type === 'step') metrics.push({ ...event.cohort.update!.metrics });
      },
    });
  });

  const values = (step: number, column: (typeof needed)[number]): Float32Array => seen[step]![column].values;

  it('scores with the weights that sampled, to 1e-4', () => {
    for (const step of [0, 1, 2, 3]) {
      const difference = largestDifference(values(step, 'old_logprobs'), values(step, 'sampled_logprobs'));
      expect(difference, `step ${step}`).to.be.at.most(1e-4);
    }
  });

  it('keeps the reference where the run started until it is to move', () => {
    expect(values(0, 'ref_logprobs')).to.deep.equal(values(0, 'old_logprobs'));
    expect(values(1, 'ref_logprobs')).not.to.deep.equal(values(1, 'old_logprobs'));
    expect(values(2, 'ref_logprobs')).to.deep.equal(values(2, 'old_logprobs'));
    expect(values(3, 'ref_logprobs')).not.to.deep.equal(values(3, 'old_logprobs'));
  });

  it('says what KL, entropy and importance weights were', () => {
    expect(metrics).to.have.length(4);
    for (const step of metrics) {
      expect(step).to.include.keys('kl', 'entropy', 'importance_mean', 'clip_fraction');
      expect(step.importance_mean).to.be.closeTo(1, 1e-3);
    }
    expect(metrics[1]!.kl).to.be.greaterThan(0);
  });
});
