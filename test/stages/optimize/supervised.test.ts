import { expect } from 'chai';
import { raggedInt32 } from '../../../src/core/columns.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { supervised } from '../../../src/stages/optimize/supervised.ts';
import { scriptedPolicy } from '../../support/stage.ts';

describe('optimize/supervised', () => {
  it('trains on responses as they stand by cross-entropy, then publishes', async () => {
    const policy = scriptedPolicy();
    const stage = await createStage(supervised, {}, { policy: () => policy });
    const columns = {
      prompt_tokens: raggedInt32([[2, 5]]),
      response_tokens: raggedInt32([[7, 1]]),
      temperature: Float32Array.of(1),
    };
    expect(await stage.run(columns, stageEvent())).to.include({ version: 1 });
    const [request] = policy.trained;
    expect(request!.loss.use).to.equal('loss/cross-entropy');
    expect(request).to.not.have.any.keys('advantage', 'oldLogprobs');
    expect(request!.responseTokens).to.equal(columns.response_tokens);
  });
});
