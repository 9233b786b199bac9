import { expect } from 'chai';
import { rloo } from '../../src/stages/advantage/rloo.ts';
import { createStage, stageEvent } from '../../src/stages/create-stage.ts';
import { exam } from '../../src/stages/prompts/exam.ts';
import { rlev } from '../../src/stages/reward/rlev.ts';
import { rolloutPolicy } from '../../src/stages/rollout/policy.ts';
import { errorOf } from '../support/stage.ts';

describe('createStage', () => {
  it('makes a stage that runs alone', async () => {
    const stage = await createStage(rlev, { alpha: 5 });
    const columns = { value: Float64Array.of(0.1), correct: Float32Array.of(1) };
    expect((await stage.run(columns, stageEvent())).reward[0]).to.equal(1.5);
  });

  it('reports every parameter that the stage does not take, as a pipeline file would have it', async () => {
    const error = await errorOf(() => createStage(rlev, { alpha: -1, clipp: 2 }), 'config/type');
    expect(error.message).to.equal(
      [
        'config/type: alpha of reward/rlev is -1; it takes a number at least 0.',
        'config/unknown-key: Nothing reads the key clipp of reward/rlev.\n  Did you mean `clip`?',
      ].join('\n'),
    );
  });

  it('says what a parameter that is missing takes, and which key may be it', async () => {
    const missing = await errorOf(() => createStage(exam, { fil: 'a.jsonl' }));
    expect(missing.message).to.contain(
      'config/missing: file of prompts/exam is missing.\n  There is `fil`: did you mean `file`?',
    );
    const nothing = await errorOf(() => createStage(rlev, 3 as never), 'config/type');
    expect(nothing.message).to.equal('config/type: What reward/rlev is given is 3; it takes a map of keys.');
  });

  it('says what is missing where the stage needs a policy', async () => {
    const stage = await createStage(rolloutPolicy);
    const rows = { row_id: ['0.0.0.0'], group: Int32Array.of(0), prompt: ['a'] };
    await errorOf(() => stage.run(rows, stageEvent()), 'config/missing');
  });

  it('says which columns a stage is not given', async () => {
    const stage = await createStage(rloo);
    const error = await errorOf(async () => stage.run({ group: Int32Array.of(0) } as never, stageEvent()));
    expect(error.message).to.equal(
      'config/columns: advantage/rloo needs the column reward, which it was not given.\n  It was given group.',
    );
  });
});
