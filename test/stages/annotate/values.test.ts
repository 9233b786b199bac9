import { expect } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../../src/core/columns.ts';
import { gae } from '../../../src/stages/advantage/gae.ts';
import { annotateValues } from '../../../src/stages/annotate/values.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { errorOf, type Script, scriptedPolicy } from '../../support/stage.ts';

const columns = {
  prompt_tokens: raggedInt32([[2, 5], [2]]),
  response_tokens: raggedInt32([
    [7, 8, 1],
    [9, 1],
  ]),
};

async function open(script: Script = { critic: {} }) {
  const policy = scriptedPolicy(script);
  return { policy, stage: await createStage(annotateValues, {}, { policy: () => policy }) };
}

describe('annotate/values', () => {
  it('adds a value for each response token', async () => {
    const { policy, stage } = await open();
    const { values } = await stage.run(columns, stageEvent());
    expect(values).to.deep.equal(
      raggedFloat32([
        [0, 1, 2],
        [0, 1],
      ]),
    );
    expect(policy.valued[0]!.promptTokens).to.equal(columns.prompt_tokens);
  });

  it('asks for the critic that was published with the policy that sampled', async () => {
    const { policy, stage } = await open();
    await stage.run(columns, stageEvent({ step: 9, policyVersion: 7 }));
    expect(policy.valued[0]!.version).to.equal(7);
  });

  it('adds what advantage/gae needs, and reads a state of the run', () => {
    expect(annotateValues.adds({})).to.deep.equal(['values']);
    expect(gae.needs(gae.params.parse({}))).to.include('values');
    expect(annotateValues.readsWeights!({})).to.equal('critic');
  });

  it('says what to add where the policy has no critic', async () => {
    const { stage } = await open({});
    const error = await errorOf(() => stage.run(columns, stageEvent()), 'config/missing');
    expect(error.help).to.contain('critic: {}');
  });
});
