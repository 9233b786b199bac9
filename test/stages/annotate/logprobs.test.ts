import { expect } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../../src/core/columns.ts';
import type { Policy, ScoreRequest } from '../../../src/core/services.ts';
import { annotateLogprobs } from '../../../src/stages/annotate/logprobs.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { errorOf, scriptedPolicy } from '../../support/stage.ts';

const columns = {
  prompt_tokens: raggedInt32([[2, 5]]),
  response_tokens: raggedInt32([[7, 1]]),
  temperature: Float32Array.of(0.7),
};

const answers = { current: raggedFloat32([[-1, -2]]), reference: raggedFloat32([[-3, -4]]) };

function open(params: Record<string, unknown>, inFlight?: number) {
  const asked: ScoreRequest[] = [];
  const policy: Policy = {
    ...scriptedPolicy(),
    scorer: {
      score: async (request) => {
        asked.push(request);
        return answers[request.weights];
      },
    },
  };
  const setup = { policy: () => policy, ...(inFlight !== undefined && { inFlight }) };
  return { asked, stage: createStage(annotateLogprobs, params, setup) };
}

describe('annotate/logprobs', () => {
  it('adds the log-probabilities under the trainer and under the reference', async () => {
    const { asked, stage } = open({ add: ['old_logprobs', 'ref_logprobs'] });
    const added = await (await stage).run(columns, stageEvent());
    expect(added).to.deep.equal({ old_logprobs: answers.current, ref_logprobs: answers.reference });
    expect(asked[0]!.temperature).to.equal(columns.temperature);
    expect(asked.map(({ weights }) => weights)).to.deep.equal(['current', 'reference']);
  });

  it('scores only what it is to add', async () => {
    const { asked, stage } = open({}, 4);
    const added = await (await stage).run(columns, stageEvent());
    expect(Object.keys(added)).to.deep.equal(['ref_logprobs']);
    expect(asked).to.have.length(1);
    expect(annotateLogprobs.adds({ add: ['ref_logprobs'] })).to.deep.equal(['ref_logprobs']);
  });

  it('refuses old_logprobs with several cohorts under way, and says what to take', async () => {
    const { stage } = open({ add: ['old_logprobs'] }, 2);
    const error = await errorOf(() => stage, 'config/order');
    expect(error.help).to.contain('old: current');
  });

  it('refuses to add nothing, or one column twice', async () => {
    await errorOf(() => open({ add: [] }).stage, 'config/type');
    await errorOf(() => open({ add: ['ref_logprobs', 'ref_logprobs'] }).stage, 'config/type');
  });
});
