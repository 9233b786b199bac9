import { expect } from 'chai';
import { batchOf } from '../../../src/core/batch.ts';
import { rowOf } from '../../../src/core/columns.ts';
import type { Dataset } from '../../../src/core/stage.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { rolloutPolicy } from '../../../src/stages/rollout/policy.ts';
import { errorOf, type Script, scriptedPolicy } from '../../support/stage.ts';

const rows = {
  row_id: ['3.0.5.0', '3.0.6.0'],
  group: Int32Array.of(5, 6),
  prompt: ['first', 'second'],
};

const dataOf = (...prompt: string[]): Dataset => ({
  batch: batchOf({ prompt }),
  hash: '',
  place: (row) => ({ file: 'exam.jsonl', line: row + 1 }),
});

async function rollout(params: Record<string, unknown> = {}, script: Script = {}) {
  const policy = scriptedPolicy(script);
  const stage = await createStage(rolloutPolicy, params, { policy: () => policy });
  return { policy, stage };
}

describe('rollout/policy', () => {
  it('makes several responses of each prompt', async () => {
    const { stage } = await rollout(
      { samples: 2, maxTokens: 6, temperature: 0.5 },
      { answer: (prompt) => (prompt === 'first' ? 'one' : 'two and more') },
    );
    const made = await stage.run(rows, stageEvent({ step: 3, policyVersion: 2 }));
    expect(rolloutPolicy.expands!({ samples: 2 } as never)).to.equal(2);
    expect(made.row_id).to.deep.equal(['3.0.5.0', '3.0.5.1', '3.0.6.0', '3.0.6.1']);
    expect([...made.sample]).to.deep.equal([0, 1, 0, 1]);
    expect(made.role).to.deep.equal(Array(4).fill('sample'));
    expect(made.response).to.deep.equal(['one', 'one', 'two an', 'two an']);
    expect(made.finish).to.deep.equal(['stop', 'stop', 'length', 'length']);
    expect([...rowOf(made.response_tokens, 0)]).to.deep.equal([...Buffer.from('one'), 1]);
    expect([...rowOf(made.prompt_tokens, 3)]).to.deep.equal([2, ...Buffer.from('second')]);
    expect([...made.temperature]).to.deep.equal(Array(4).fill(0.5));
    expect([...made.policy_version]).to.deep.equal(Array(4).fill(2));
    expect(made.sampled_logprobs.offsets).to.deep.equal(made.response_tokens.offsets);
    expect(batchOf(made).numRows).to.equal(4);
  });

  it('asks for the policy version of the cohort, with the sampling options as they stand', async () => {
    const { policy, stage } = await rollout({ samples: 1, maxTokens: 9, temperature: 0, topK: 5, topP: 0.9 });
    await stage.run(rows, stageEvent({ policyVersion: 7 }));
    expect(policy.sampled[0]).to.include({ version: 7, maxTokens: 9, temperature: 0, topK: 5, topP: 0.9 });
  });

  it('draws each response under its own key: of the step, round, group and sample, whatever is beside it', async () => {
    const { policy, stage } = await rollout({ samples: 3 });
    const keys = async (columns: typeof rows, event: object) => {
      await stage.run(columns, stageEvent(event));
      return policy.sampled.at(-1)!.rows.map(({ key }) => `${key.a} ${key.b}`);
    };
    const both = await keys(rows, { step: 3 });
    expect(new Set(both)).to.have.property('size', 6);
    const second = { row_id: ['3.0.6.0'], group: Int32Array.of(6), prompt: ['second'] };
    expect(await keys(second, { step: 3 })).to.deep.equal(both.slice(3));
    for (const other of [
      { step: 4 },
      { step: 3, round: 1 },
      { step: 3, seed: 1 },
      { step: 3, scope: 'eval:x' },
    ]) {
      expect(both).to.not.include.members(await keys(second, other));
    }
  });

  it('adds the greedy response to each prompt behind the others where asked to', async () => {
    const script: Script = { answer: (prompt, { key }) => `${prompt} ${key.a % 97}` };
    const options = { samples: 2, maxTokens: 20, temperature: 0.5, topK: 3 };
    const { policy, stage } = await rollout({ ...options, greedy: true }, script);
    const made = await stage.run(rows, stageEvent({ step: 3 }));
    expect(rolloutPolicy.expands!({ samples: 2, greedy: true } as never)).to.equal(3);
    expect(made.row_id.slice(3)).to.deep.equal(['3.0.6.0', '3.0.6.1', '3.0.6.2']);
    expect(made.role).to.deep.equal(['sample', 'sample', 'greedy', 'sample', 'sample', 'greedy']);
    expect([...made.temperature]).to.deep.equal([0.5, 0.5, 0, 0.5, 0.5, 0]);
    expect(policy.sampled[1]).to.include({ temperature: 0, topK: 0, topP: 1 });
    expect(made.response[2]).to.match(/^first /);
    expect(made.response[5]).to.match(/^second /);
    expect(batchOf(made).numRows).to.equal(6);

    const { stage: without } = await rollout(options, script);
    const plain = await without.run(rows, stageEvent({ step: 3 }));
    expect(made.response.filter((_, i) => made.role[i] === 'sample')).to.deep.equal(plain.response);
  });

  it('has null for the log-probability of stopping where the policy does not give it', async () => {
    const { stage } = await rollout({ samples: 1 }, { eosLogprobs: false });
    const made = await stage.run(rows, stageEvent());
    expect([...made.eos_logprobs.valid!]).to.deep.equal([0, 0]);
    expect(batchOf(made).getChild('eos_logprobs')!.get(0)).to.equal(null);
  });

  it('finds prompts that do not fit before a run, with their places', async () => {
    const { stage } = await rollout({ maxTokens: 54 });
    await stage.prepare!(dataOf('123456789', 'short'));
    const error = await errorOf(
      () => stage.prepare!(dataOf('fits', '1234567890', '12345678901')),
      'policy/context',
    );
    expect(error.message).to.contain('exam.jsonl:2:').and.to.contain('exam.jsonl:3:');
    expect(error.message).to.not.contain('exam.jsonl:1:');
  });

  it('finds characters that the tokenizer lacks before a run, with their places', async () => {
    const { stage } = await rollout();
    const error = await errorOf(() => stage.prepare!(dataOf('fine', '一')), 'policy/tokenizer');
    expect(error.place).to.deep.equal({ file: 'exam.jsonl', line: 2 });
  });

  it('refuses maxTokens that leave no room for any prompt', async () => {
    const { stage } = await rollout({ maxTokens: 64 });
    const error = await errorOf(() => stage.prepare!(dataOf('a')), 'policy/context');
    expect(error.place).to.deep.equal({ file: 'rollout/policy' });
  });

  it('reads the end of prompts that leave no room, where it is told to', async () => {
    const { policy, stage } = await rollout({ samples: 1, maxTokens: 4, longPrompts: 'cut-left' });
    const long = `${'x'.repeat(policy.info.contextLength)}end`;
    await stage.prepare!(dataOf(long, 'short'));
    await stage.run({ ...rows, prompt: [long, 'short'] }, stageEvent());
    const [cut, whole] = policy.sampled[0]!.prompts;
    expect(cut!.length).to.equal(policy.info.contextLength - 4);
    expect([...cut!.slice(-3)]).to.deep.equal([...Buffer.from('end')]);
    expect([...whole!]).to.deep.equal([2, ...Buffer.from('short')]);
  });
});
