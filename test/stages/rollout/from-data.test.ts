import { expect } from 'chai';
import { batchOf } from '../../../src/core/batch.ts';
import { rowOf } from '../../../src/core/columns.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { rolloutFromData } from '../../../src/stages/rollout/from-data.ts';
import { errorOf, scriptedPolicy } from '../../support/stage.ts';

const open = (params: Record<string, unknown> = {}) => {
  const policy = scriptedPolicy({ contextLength: 16 });
  return createStage(rolloutFromData, params, { policy: () => policy });
};
const dataset = (columns: Parameters<typeof batchOf>[0], specs = {}) => ({
  batch: batchOf(columns, specs),
  hash: '',
  place: (row: number) => ({ file: 'exam.jsonl', line: row + 1 }),
});
const text = { kind: 'utf8', nullable: true, doc: '' } as const;

describe('rollout/from-data', () => {
  it('makes the solution the response, ended by the stop token', async () => {
    const stage = await open();
    const made = await stage.run({ prompt: ['2+2', '1'], solution: ['4', '1'] } as never, stageEvent());
    expect(made.response).to.deep.equal(['4', '1']);
    expect([...rowOf(made.response_tokens, 0)]).to.deep.equal([52, 1]);
    expect([...rowOf(made.prompt_tokens, 0)]).to.deep.equal([2, 50, 43, 50]);
    expect(made.finish).to.deep.equal(['stop', 'stop']);
    expect([...made.temperature]).to.deep.equal([1, 1]);
    expect([...made.sample]).to.deep.equal([0, 0]);
    expect(batchOf(made).numRows).to.equal(2);
  });

  it('takes any text column of the data', async () => {
    const stage = await open({ response: 'data.terse' });
    expect(rolloutFromData.needs({ response: 'data.terse' })).to.deep.equal(['prompt', 'data.terse']);
    const made = await stage.run({ prompt: ['2+2'], 'data.terse': ['four'] } as never, stageEvent());
    expect(made.response).to.deep.equal(['four']);
  });

  it('takes no other column', async () => {
    await errorOf(() => open({ response: 'question' }), 'config/type');
  });

  it('finds what cannot be trained on before a run, with its place', async () => {
    const stage = await open({ maxTokens: 6 });
    const data = dataset({
      prompt: ['a', 'b', 'c', 'd', 'a long prompt'],
      solution: ['fits', null, 'toolong', '一', 'abc'],
    });
    const { message } = await errorOf(() => stage.prepare!(data));
    expect(message).to.not.contain('exam.jsonl:1:');
    expect(message).to.match(/exam\.jsonl:2: data\/value: .*no solution/);
    expect(message).to.match(/exam\.jsonl:3: policy\/context: .*has 8 tokens .* room for 6/);
    expect(message).to.match(/exam\.jsonl:4: policy\/tokenizer/);
    expect(message).to.match(/exam\.jsonl:5: policy\/context: .*room for 2/);
  });

  it('refuses a column that the data does not have, or that is not text', async () => {
    const stage = await open({ response: 'data.terse' });
    const without = dataset({ prompt: ['a'], solution: ['b'] });
    await errorOf(() => stage.prepare!(without), 'config/columns');
    const numbers = dataset(
      { prompt: ['a'], 'data.terse': [4] },
      { 'data.terse': { ...text, kind: 'float64' } },
    );
    await errorOf(() => stage.prepare!(numbers), 'config/columns');
  });
});
