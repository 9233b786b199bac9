import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type FileValuesOptions, valuesOf } from '../../../src/pipeline/explain/values-of.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';

describe('the values of a file', () => {
  const options = (more: Partial<FileValuesOptions> = {}): FileValuesOptions => ({
    catalogue: builtInStages,
    notice: () => undefined,
    ...more,
  });
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-values-'));
    writeFileSync(
      join(folder, 'tickets.csv'),
      'id,question,reference,points,exam_total,money,level\na,x,1,2,10,5,easy\nb,y,1,5,10,20,hard\n',
    );
  });
  after(() => rmSync(folder, { recursive: true }));
  const tickets = (): string => join(folder, 'tickets.csv');

  it('are those of the value stage over all questions, whatever a step takes of them', async () => {
    const { data, use, values, scale } = await valuesOf('pipelines/smoke.yaml', options());
    expect(data).to.equal('fixtures/exams/smoke.jsonl');
    expect(use).to.equal('value/points');
    expect(values).to.have.length(4);
    expect(scale!.formula).to.equal('1 + min(10 v, 1)');
  });

  it('are of a data file that is there, and has no keys to override', async () => {
    const gone = await errorOf(() => valuesOf('nothere.jsonl', options()), 'data/missing-file');
    expect(gone.message).to.include('There is no file nothere.jsonl.').and.not.to.include('--column');
    const set = ['stages.value.use=value/shuffled'];
    const error = await errorOf(() => valuesOf(tickets(), options({ set })), 'usage/arguments');
    expect(error.message).to.include('--set is for a pipeline');
  });

  it('need the tokenizer of the policy, and no weights, for a chat template', async () => {
    const set = ['stages.prompts.chat=true'];
    // it is asked, and has none
    await errorOf(() => valuesOf('pipelines/smoke.yaml', options({ set })), 'policy/tokenizer');
    const gone = [...set, 'policy.from=../fixtures/models/none'];
    await errorOf(() => valuesOf('pipelines/smoke.yaml', options({ set: gone })), 'policy/checkpoint');
    expect((await valuesOf('pipelines/smoke.yaml', options({ set: gone.slice(1) }))).values).to.have.length(
      4,
    );
  });

  it('are those of another stage by an override, shuffled under the seed of the run', async () => {
    const set = ['stages.value.use=value/shuffled', 'run.seed=3'];
    const real = await valuesOf('pipelines/smoke.yaml', options());
    const dealt = await valuesOf('pipelines/smoke.yaml', options({ set }));
    expect(dealt.values).not.to.deep.equal(real.values);
    expect(dealt.values.toSorted()).to.deep.equal(real.values.toSorted());
  });

  it('are scaled by another alpha where one is given, in the form of the pipeline', async () => {
    const set = ['stages.reward.clip=none', 'stages.reward.power=0.5'];
    const { scale } = await valuesOf('pipelines/smoke.yaml', options({ alpha: 3, set }));
    expect(scale!.formula).to.equal('1 + 3 v^0.5');
    const none = await valuesOf(
      'pipelines/smoke.yaml',
      options({ set: ['stages.reward.use=reward/correctness'] }),
    );
    expect(none.scale).to.equal(undefined);
    await errorOf(() => valuesOf('pipelines/smoke.yaml', options({ alpha: -3 })), 'usage/arguments');
  });

  it('are points over full marks of a file of questions, or a column of it', async () => {
    const { values, scale } = await valuesOf(tickets(), options());
    expect([...values]).to.deep.equal([0.2, 0.5]);
    expect(scale!.formula).to.equal('1 + min(10 v, 1)');
    const money = await valuesOf(tickets(), options({ column: 'data.money', alpha: 2 }));
    expect([...money.values]).to.deep.equal([0.25, 1]);
    expect(money.scale!.formula).to.equal('1 + min(2 v, 1)');
    const total = await valuesOf(tickets(), options({ normalise: 'total' }));
    expect([...total.values]).to.deep.equal([2 / 7, 5 / 7]);
  });

  it('are not to be had where they depend on responses, or where there are none', async () => {
    const set = ['stages.value.use=value/pass-rate'];
    const error = await errorOf(() => valuesOf('pipelines/smoke.yaml', options({ set })), 'usage/arguments');
    expect(error.message).to.include('value/pass-rate depend on responses');
    await errorOf(() => valuesOf('README.md', options()), 'usage/arguments');
    await errorOf(() => valuesOf('none.jsonl', options()), 'data/missing-file');
    await errorOf(() => valuesOf('pipelines/smoke.yaml', options({ column: 'points' })), 'usage/arguments');
    const wrong = await errorOf(() => valuesOf(tickets(), options({ column: 'money' })), 'config/columns');
    expect(wrong.help).to.equal('Did you mean `data.money`?');
  });
});
