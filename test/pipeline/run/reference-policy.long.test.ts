import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { cutAfter, eventsOf, outcomeOf } from '../replay/recorded.ts';

describe('a run whose reference moves, stopped and resumed', function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-reference-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const moving = `
rlev: 1
run: { steps: 5, seed: 1, checkpoint: { every: 3, keep: 2 } }
policy: { from: fixtures/models/tiny-llama, engine: { use: onnx, threads: 1 } }
stages:
  prompts: { use: prompts/exam, file: fixtures/exams/smoke.jsonl, perStep: 2 }
  rollout: { use: rollout/policy, samples: 2, maxTokens: 6 }
  annotate: { use: annotate/logprobs, add: [ref_logprobs] }
  advantage: { use: advantage/constant }
  optimize:
    use: optimize/policy-gradient
    kl: { use: k2, coefficient: 0.1 }
    reference: { every: 2, mixup: 0.6 }
    offPolicy: 0.5
    adamw: { lr: 1e-3 }
`;

  it('sees the reference of the same step, from a checkpoint or from the beginning', async () => {
    const directory = join(folder, 'whole');
    const whole = await train(resolvePipeline(moving, 'moving.yaml', { catalogue: builtInStages }), {
      directory,
    });
    const events = await eventsOf(directory);
    const expected = await outcomeOf(directory, whole.checkpoint!);
    for (const stopped of ['train 2.0 rollout', 'train 4.0 prompts']) {
      const at = events.findIndex((line) => line.startsWith(stopped));
      const again = join(folder, stopped.replaceAll(' ', '-'));
      await cutAfter(directory, at + 1, again);
      const result = await resume(again, { catalogue: builtInStages });
      expect(await outcomeOf(again, result.checkpoint!), stopped).to.deep.equal(expected);
    }
  });
});
