import { expect } from 'chai';
import type { RlevError } from '../../../src/core/errors.ts';
import { evaluate } from '../../../src/pipeline/run/evaluate.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';

describe('pipeline/evaluate', () => {
  it('names what is wrong with its options, and no file that nobody wrote', async () => {
    const options = {
      catalogue: builtInStages,
      policy: 'fixtures/models/tiny-llama',
      data: 'fixtures/exams/smoke.jsonl',
      temperature: -1,
      verify: 'verify/nummeric',
    };
    const error: RlevError = await evaluate(options).then(
      () => expect.fail('It took them.'),
      (thrown) => thrown,
    );
    expect(error.message).to.match(/^config\/type: .*temperature is -1/m);
    expect(error.message).to.match(/^--verify: config\/unknown-stage: .*verify\/nummeric/m);
    expect(error.message).to.include('Did you mean `verify/numeric`?');
  });

  it('grades by a verifier that is no part of the package, and by nothing else than a verifier', async () => {
    const options = {
      catalogue: builtInStages,
      policy: 'fixtures/models/tiny-llama',
      data: 'fixtures/exams/smoke.jsonl',
      maxTokens: 2,
      engine: { use: 'reference' },
    };
    const evaluation = await evaluate({ ...options, verify: './test/pipeline/own/stages.ts#sameText' });
    expect(evaluation.correct).to.have.length(4);
    const error = await errorOf(() => evaluate({ ...options, verify: 'reward/rlev' }), 'config/type');
    expect(error.message).to.include('Verifiers are verify/').and.to.not.include('rollout/');
  });

  it('says that it was cancelled', async () => {
    const options = {
      catalogue: builtInStages,
      policy: 'fixtures/models/tiny-llama',
      data: 'fixtures/exams/smoke.jsonl',
      signal: AbortSignal.abort(),
    };
    const error = await errorOf(() => evaluate(options), 'run/cancelled');
    expect(error.summary).to.equal('The evaluation was cancelled.');
  });
});
