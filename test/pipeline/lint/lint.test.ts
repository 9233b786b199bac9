import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { RlevErrors } from '../../../src/core/errors.ts';
import { catalogueOf, defineMap } from '../../../src/core/stage.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { checkBeforeRun } from '../../../src/pipeline/lint/before-run.ts';
import { type Finding, formatFinding } from '../../../src/pipeline/lint/finding.ts';
import { type LintOptions, lint, lintText } from '../../../src/pipeline/lint/lint.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { scale } from '../../../src/stages/reward/define-scale.ts';
import { errorOf } from '../../support/stage.ts';

const good = `rlev: 1
run: { steps: 4 }
policy: { from: ../fixtures/models/tiny-llama }
stages:
  prompts: { use: prompts/exam, file: ../fixtures/exams/smoke.jsonl, template: "{question}\\n" }
  rollout: { use: rollout/policy, samples: 2, maxTokens: 6 }
  verify: { use: verify/numeric }
  value: { use: value/points }
  reward: { use: reward/rlev, alpha: 1 }
  advantage: { use: advantage/rloo }
  optimize:
    use: optimize/policy-gradient
    loss: { use: loss/reinforce }
evaluate:
  greedy: { through: value, stages: { prompts: { file: other.jsonl }, rollout: { temperature: 0 } } }
`;

const question = { question: '1+1', reference: '2', points: 1, exam_total: 10 };

describe('lint', () => {
  const options: LintOptions = { catalogue: builtInStages };
  const linted = async (text: string, more: Partial<LintOptions> = {}): Promise<string[]> =>
    (await lintText(text, 'pipelines/p.yaml', { ...options, offline: true, ...more })).map(
      (f) => formatFinding(f).split('\n')[0]!,
    );

  it('finds nothing in a pipeline that is right', async () => {
    expect(await linted(good)).to.deep.equal([]);
  });

  it('finds nothing but what is no harm in the pipelines that are shipped', async () => {
    for (const file of ['rlev', 'sft', 'smoke']) {
      const findings = await lint(`pipelines/${file}.yaml`, { ...options, offline: true });
      expect(findings.filter((f) => f.severity !== 'info')).to.deep.equal([]);
    }
  });

  it('prints all findings at once, by place, rules beside structure', async () => {
    const text = good
      .replace('steps: 4', 'steps: 4, checkpoint: { every: 9 }')
      .replace('samples: 2', 'samples: 1')
      .replace('use: verify/numeric', 'use: verify/numerik')
      .replace('alpha: 1', 'alhpa: 1');
    expect(await linted(text)).to.deep.equal([
      'pipelines/p.yaml:2:39 warning setting/never The checkpoint is due every 9 steps, and the run has 4: there is one at its end, and none on the way.',
      'pipelines/p.yaml:6:44 error group/single advantage/rloo compares the responses to a question with each other, and there is one of them: every advantage is 0, and nothing can be learnt.',
      'pipelines/p.yaml:7:18 error config/unknown-stage No stage is called "verify/numerik".',
      'pipelines/p.yaml:9:31 error config/unknown-key Nothing reads the key stages.reward.alhpa.',
    ]);
  });

  it('says which column is missing, and which line adds it too late', async () => {
    const lines = good.split('\n');
    const late = [...lines.slice(0, 8), lines[9]!, lines[8]!, ...lines.slice(10)].join('\n');
    const [finding] = await lintText(late, 'p.yaml', { ...options, offline: true });
    expect(formatFinding(finding!)).to.equal(
      'p.yaml:9:3 error config/columns advantage/rloo needs the column `reward`, which no stage before line 9 adds.\n  reward (reward/rlev) adds it at line 10: move it up.',
    );
  });

  it('finds the parameters of a loss at their place', async () => {
    expect(await linted(good.replace('loss/reinforce', 'loss/ppo-clip, clap: 3'))).to.deep.equal([
      'pipelines/p.yaml:13:33 error config/unknown-key Nothing reads the key stages.optimize.loss.clap.',
    ]);
    expect(await linted(good.replace('loss/reinforce', 'loss/ppo-clip, dualClip: 0.5'))).to.deep.equal([
      'pipelines/p.yaml:13:43 error config/type stages.optimize.loss.dualClip is 0.5; it takes a number above 1.',
      'pipelines/p.yaml:13:43 info setting/no-effect dualClip of loss/ppo-clip has no effect: with one update on each cohort and inFlight 1, the policy that is updated is the one that sampled, and their ratio is 1.',
    ]);
    const [finding] = await lintText(good.replace('loss/reinforce', 'loss/reinforced'), 'p.yaml', {
      ...options,
      offline: true,
    });
    expect(finding).to.deep.include({ code: 'config/unknown-stage', help: 'Did you mean `loss/reinforce`?' });
  });

  it('finds the parameters of a loss by path at their place', async () => {
    const own = good.replace('{ file: other.jsonl }', '{ file: ../fixtures/exams/heldout.jsonl }');
    const withLoss = (loss: string): string =>
      own.replace('loss/reinforce', `../test/policy/my-loss.ts#timesTwo${loss}`);
    const findings = async (loss: string): Promise<string[]> =>
      (await linted(withLoss(loss), { offline: false })).filter((line) => !line.includes(' info '));
    expect(await findings('')).to.deep.equal([]);
    expect(await findings(', agregate: token-mean')).to.deep.equal([
      'pipelines/p.yaml:13:54 error config/unknown-key Nothing reads the key agregate of ../test/policy/my-loss.ts#timesTwo.',
    ]);
    expect((await findings(', aggregate: sum')).join()).to.match(
      /^pipelines\/p\.yaml:13:65 error config\/type aggregate of \.\.\/test\/policy\/my-loss\.ts#timesTwo is "sum"; it takes one of "token-mean"/,
    );
    expect((await linted(withLoss('s'), { offline: false })).join()).to.match(/p\.yaml:13:18 error/);
  });

  it('says once what a policy lacks', async () => {
    const nothing = good.replace('{ from: ../fixtures/models/tiny-llama }', '{ maxRows: 4 }');
    const found = await linted(nothing.replace('other.jsonl', '../fixtures/exams/heldout.jsonl'), {
      offline: false,
    });
    expect(found).to.deep.equal([
      'pipelines/p.yaml:3:1 error config/missing policy has neither from nor init, and takes one of the two.',
    ]);
  });

  it('refuses an evaluation that ends before its report has its columns', async () => {
    expect(await linted(good.replace('through: value', 'through: verify'))).to.deep.equal([
      'pipelines/p.yaml:15:22 error config/columns The evaluation greedy ends before `value` is added, and its report needs it.',
    ]);
  });

  it('finds what tests name that is not there, in a file of theirs and in the pipeline', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rlev-lint-'));
    const head = 'rlev: 1\nrun: { steps: 1 }\n';
    const stages =
      'stages:\n  prompts: { use: prompts/exam, file: a.jsonl }\n  value: { use: value/points }\n';
    const row = 'rows: [{ points: 1, exam_total: 2 }]';
    const inline = `tests:
  - { name: a, stage: valeu, ${row}, expect: { value: 0.5 } }
  - { name: b, stage: value, ${row}, expect: { reward: 1 } }
  - { name: c, stage: value, rows: [{ points: 1 }], expect: { value: 1 } }
  - { name: d, stage: value, rows: [{ points: 1 }], expect: { error: config/column } }
  - { name: e, stage: value, rows: [{ points: 1 }], expect: { error: config/columns } }
  - { name: f, stage: value, rows: RUN@3/prompts, expect: { value: 1 } }
  - { name: g, stage: value, ${row}, expect: { value: [{ abve: 0 }] } }
`;
    const placed = async (name: string): Promise<string[]> =>
      (await lint(join(folder, name), { ...options, offline: true })).map(
        ({ place, code, message }) =>
          `${place.line}:${place.column} ${code} ${message.split(folder).join('')}`,
      );
    writeFileSync(join(folder, 'p.yaml'), `${head}${stages}${inline}`);
    writeFileSync(join(folder, 'q.yaml'), `${head}${stages}`);
    writeFileSync(join(folder, 'q.test.yaml'), `pipeline: q.yaml\n${inline.replace('valeu', 'value')}`);
    writeFileSync(join(folder, 'gone.test.yaml'), `pipeline: gone.yaml\n${inline}`);
    expect(await placed('p.yaml')).to.deep.equal([
      '7:23 config/unknown-key No stage of /p.yaml has the id "valeu".',
      '8:78 config/unknown-key There is no column reward behind value.',
      '9:36 config/columns value (value/points) needs the column exam_total, which the rows of this test lack.',
      '10:70 config/unknown-key No error has the code config/column.',
      '13:85 config/unknown-key Nothing can be demanded by the name of abve.',
    ]);
    expect((await placed('q.test.yaml')).map((finding) => finding.split(' ')[0])).to.deep.equal([
      '4:78',
      '5:36',
      '6:70',
      '9:85',
    ]);
    const [gone] = await placed('gone.test.yaml');
    rmSync(folder, { recursive: true });
    expect(gone).to.equal('1:11 data/missing-file There is no file /gone.yaml.');
  });

  it('checks the form of a file of tests', async () => {
    expect(await lint('pipelines/rlev.test.yaml', options)).to.deep.equal([]);
    const folder = mkdtempSync(join(tmpdir(), 'rlev-lint-'));
    const file = join(folder, 'p.test.yaml');
    writeFileSync(file, 'pipeline: p.yaml\ntests:\n  - { name: a, stages: b, expect: {} }\n');
    const found = await lint(file, options);
    rmSync(folder, { recursive: true });
    expect(found.map((f) => [f.code, f.place.line])).to.deep.include(['config/unknown-key', 3]);
  });

  it('finds that a file is not there', async () => {
    const [finding] = await lint('none.yaml', options);
    expect(finding).to.deep.include({ severity: 'error', code: 'data/missing-file' });
  });

  describe('reading data and policy', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'rlev-lint-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const reading = async (text: string, rows: readonly object[]): Promise<Finding[]> => {
      writeFileSync(join(folder, 'other.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      const models = relative(folder, 'fixtures');
      const file = join(folder, 'p.yaml');
      return lintText(text.replaceAll('../fixtures', models), file, options);
    };

    it('finds what is wrong with questions, by their line', async () => {
      const findings = await reading(good, [
        { id: 'a', ...question },
        { id: 'b', ...question, points: -1 },
        { id: 'a', ...question },
      ]);
      expect(findings.map((f) => [f.code, f.place.line])).to.deep.equal([
        ['data/value', 2],
        ['data/duplicate', 3],
      ]);
    });

    it('finds stages and losses by path that are not there, and says the rest as well', async () => {
      const text = good
        .replace('reward/rlev, alpha: 1', './mine.js#reward')
        .replace('loss/reinforce', './mine.js#loss')
        .replace('samples: 2', 'samples: 1');
      const file = join(folder, 'own.yaml');
      writeFileSync(join(folder, 'other.jsonl'), `${JSON.stringify({ id: 'a', ...question })}\n`);
      writeFileSync(file, text.replaceAll('../fixtures', relative(folder, 'fixtures')));
      const findings = await lint(file, options);
      expect(findings.map((f) => [f.code, f.place.line])).to.deep.equal([
        ['group/single', 6],
        ['config/module', 9],
        ['config/module', 13],
      ]);
    });

    it('finds prompts that leave no room for a response, and a policy that is not there', async () => {
      const rows = [{ id: 'a', ...question }];
      const long = await reading(good.replace('maxTokens: 6', 'maxTokens: 4096'), rows);
      expect(long.map((f) => f.code)).to.include('policy/context');
      const gone = await reading(good.replace('tiny-llama', 'tiny-lama'), rows);
      expect(gone.map((f) => [f.code, f.place.line, f.place.column])).to.deep.equal([
        ['policy/checkpoint', 3, 17],
      ]);
    });

    it('tells how many questions stand at the top of the scale, or that all do', async () => {
      const text = good
        .replace('file: ../fixtures/exams/smoke.jsonl', 'file: other.jsonl')
        .replace('alpha: 1', 'alpha: 10')
        .replace(/evaluate:[\s\S]*/, '');
      const rows = (points: readonly number[]): object[] =>
        points.map((p, i) => ({ id: `${i}`, ...question, points: p, exam_total: 100 }));
      const [saturated] = await reading(text, rows([1, 10, 20, 40]));
      expect(saturated).to.deep.include({ severity: 'warning', code: 'value/saturated' });
      expect(saturated!.message).to.include('3 of them (75.0%)');
      expect(saturated!.help).to.include('alpha: 2.5');
      const [uniform] = await reading(text, rows([10, 20, 40]));
      expect(uniform).to.deep.include({ severity: 'warning', code: 'value/uniform' });
      expect(uniform!.message).to.match(/^s\(x\) is 2 for all 3 questions/);
      expect(await reading(text, rows([1, 2, 10]))).to.deep.equal([]);
      const [flat] = await reading(text.replace('alpha: 10', 'alpha: 0.01'), rows([1, 40]));
      expect(flat).to.deep.include({ severity: 'warning', code: 'value/flat' });
      expect(flat!.message).to.match(/^s\(x\) runs from 1\.0001 to 1\.004 over 2 questions/);
      expect(flat!.help).to.match(/^alpha: 2\.5 would/);
    });
  });
});

describe('lint of values', () => {
  const uniform = good.replace('alpha: 1', 'alpha: 0').replace(/evaluate:[\s\S]*/, '');
  const codes = async (text: string): Promise<string[]> =>
    (await lintText(text, 'pipelines/p.yaml', { catalogue: builtInStages, offline: true })).map(
      (f) => f.code,
    );

  it('takes a uniform scale for something where a KL or an entropy stands beside it', async () => {
    expect(await codes(uniform)).to.deep.equal(['value/uniform']);
    const entropy = uniform.replace('loss: {', 'entropy: { coefficient: 0.01 }\n    loss: {');
    expect(await codes(entropy)).to.deep.equal([]);
  });

  it('says what shaping leaves of a scale that cancels', async () => {
    const text = good
      .replace(/evaluate:[\s\S]*/, '')
      .replace('advantage/rloo', 'advantage/grpo')
      .replace(
        '  advantage:',
        '  reference: { use: annotate/logprobs, add: [ref_logprobs] }\n  kl: { use: reward/kl }\n  advantage:',
      );
    const found = await lintText(text, 'pipelines/p.yaml', { catalogue: builtInStages, offline: true });
    expect(found.map((f) => f.code)).to.deep.equal(['value/cancelled']);
    expect(found[0]!.message).to.include('cancels, but for what reward/kl adds');
    expect(found[0]!.help).to.include('std: false').and.to.include('advantage/grpo-weighted');
  });

  it('says once what is wrong with the signal of a value', async () => {
    const text = good
      .replace(/evaluate:[\s\S]*/, '')
      .replace(
        'value/points',
        'value/shuffled, signal: { use: value/column, column: points, normalise: mean }',
      );
    for (const offline of [true, false]) {
      const found = await lintText(text, 'pipelines/p.yaml', { catalogue: builtInStages, offline });
      expect(found.map((f) => [f.code, f.place.line, f.place.column])).to.deep.equal([
        ['config/type', 8, 89],
      ]);
    }
  });

  it('finds a label without a value by its line, and a scale of one’s own that fails on a value', async () => {
    const labels = good
      .replace(/evaluate:[\s\S]*/, '')
      .replace('value/points', 'value/difficulty, column: points, values: { 1: 0.1 }');
    const unlabelled = await lintText(labels, 'pipelines/p.yaml', { catalogue: builtInStages });
    expect(unlabelled.map((f) => f.message).join('\n')).to.not.contain('NaN');
    const [label] = unlabelled;
    expect(label).to.deep.include({ code: 'data/value' });
    expect(label!.place).to.include({ file: 'fixtures/exams/smoke.jsonl' });
    const own = catalogueOf([
      ...builtInStages.values(),
      { ...scale((v) => (v > 0 ? NaN : 1)), name: 'reward/mine' },
    ]);
    const text = good.replace(/evaluate:[\s\S]*/, '').replace('reward/rlev, alpha: 1', 'reward/mine');
    const [failing] = await lintText(text, 'pipelines/p.yaml', { catalogue: own });
    expect(failing).to.deep.include({ severity: 'error', code: 'stage/contract' });
    expect(failing!.message).to.include('returned NaN as the scale of the value');
  });

  it('takes the largest s of several values for the top of a scale of one’s own', async () => {
    const own = catalogueOf([
      ...builtInStages.values(),
      { ...scale((v) => (v > 0.001 ? 2 : 1 + v)), name: 'reward/mine' },
    ]);
    const text = good.replace(/evaluate:[\s\S]*/, '').replace('reward/rlev, alpha: 1', 'reward/mine');
    const found = await lintText(text, 'pipelines/p.yaml', { catalogue: own });
    expect(found.map((f) => f.code)).to.deep.equal(['value/uniform']);
  });

  it('says nothing of a scale that nobody reads, or that another reward takes the place of', async () => {
    expect(await codes(uniform.replace('advantage/rloo', 'advantage/constant'))).to.deep.equal([]);
  });
});

describe('a run', () => {
  const checked = async (text: string): Promise<string[]> => {
    const warnings: string[] = [];
    const pipeline = resolvePipeline(text, 'pipelines/p.yaml', { catalogue: builtInStages });
    await checkBeforeRun(pipeline, builtInStages, (w) => warnings.push(w));
    return warnings;
  };
  const text = good.replace(/evaluate:[\s\S]*/, '');

  it('shows what lint warns of', async () => {
    const [warning] = await checked(text.replace('advantage/rloo', 'advantage/grpo'));
    expect(warning).to.match(/^pipelines\/p\.yaml:10:21 warning value\/cancelled /);
  });

  it('can be cancelled while lint has a stage that never gets ready', async () => {
    const stuck = defineMap({
      name: 'verify/stuck',
      summary: 'Never gets ready.',
      params: z.strictObject({}),
      needs: () => ['response'],
      adds: () => ['correct'],
      create: () => new Promise<never>(() => setTimeout(() => stop.abort())),
    });
    const stop = new AbortController();
    const catalogue = catalogueOf([...builtInStages.values(), stuck]);
    const pipeline = resolvePipeline(text.replace('verify/numeric', 'verify/stuck'), 'pipelines/p.yaml', {
      catalogue,
    });
    const error = await errorOf(() => checkBeforeRun(pipeline, catalogue, () => {}, stop.signal));
    expect(error.message).to.equal('run/cancelled: The check before the run was cancelled.');
  });

  it('is refused where lint finds an error', async () => {
    const error = await checked(text.replace('samples: 2', 'samples: 1')).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(RlevErrors);
    expect((error as RlevErrors).message).to.match(/^pipelines\/p\.yaml:6:44: config\/lint: group\/single: /);
  });
});
