import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { stepsOf } from '../../src/cli/which-cohorts.ts';
import { ownStages } from '../../src/pipeline/file/own-stages.ts';
import { resolvePipeline } from '../../src/pipeline/file/resolve.ts';
import { train } from '../../src/pipeline/run/run.ts';
import { builtInStages } from '../../src/stages/catalogue.ts';
import { errorOf } from '../support/stage.ts';

function rlev(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, ['--import', 'tsx', resolve('src/cli/main.ts'), ...args], (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

describe('rlev replay and rlev diff', function () {
  this.timeout(60_000);
  let folder: string;
  let run: string;
  const stage = (bonus: string): Promise<void> =>
    writeFile(
      join(folder, 'stage.mjs'),
      `import { reward } from ${JSON.stringify(pathToFileURL('src/index.ts').href)};
       export const brief = reward((row) => row.value + ${bonus});`,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-cli-'));
    await stage('1');
    const yaml = `
      rlev: 1
      run: { steps: 2 }
      policy: { from: ${resolve('fixtures/models/tiny-llama')}, engine: { use: onnx, threads: 1 } }
      stages:
        prompts: { use: prompts/exam, file: ${resolve('fixtures/exams/smoke.jsonl')}, perStep: 2 }
        rollout: { use: rollout/policy, samples: 2, maxTokens: 4 }
        verify: { use: verify/exact }
        value: { use: value/points }
        reward: { use: ./stage.mjs#brief }
        advantage: { use: advantage/rloo }
    `;
    const file = join(folder, 'own.yaml');
    const { catalogue } = await ownStages(yaml, file, { catalogue: builtInStages });
    run = join(folder, 'run');
    await train(resolvePipeline(yaml, file, { catalogue }), { directory: run });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('name the first thing that differs once the code of a stage has changed, with exit code 1', async () => {
    await stage('1 + (row.value > 0.1 ? 0.5 : 0)');
    const { out, code } = await rlev('replay', run, '--check');
    expect(out).to.match(
      /^replayed verify to advantage on 1 step of .*: 4 rollouts in .*, no policy opened\n/,
    );
    expect(out).to.match(
      /check: the first event that differs is reward of step 0, row 0\.0\.\d\.0, column reward: recorded 1\.\d, replayed 1\.\d/,
    );
    expect(code).to.equal(1);
  });

  it('say that a run is identical to itself', async () => {
    const { out, code } = await rlev('diff', run, run);
    expect(out).to.equal(`identical: ${run} and ${run} have the same 13 events\n`);
    expect(code).to.equal(0);
  });

  it('compare a patch with the pipeline that it extends, on one recording', async () => {
    const [a, b] = [join(run, 'pipeline.yaml'), join(folder, 'patch.yaml')];
    await writeFile(b, 'extends: run/pipeline.yaml\nstages: { reward: { use: reward/correctness } }\n');
    const { out, code } = await rlev('diff', a, b, '--on', run, '--json');
    expect(code).to.equal(0);
    const diff = JSON.parse(out);
    expect(diff).to.include({ identical: false, rollouts: 8 });
    expect(diff.pipeline[0]).to.deep.equal({
      key: 'stages.reward.use',
      before: './stage.mjs#brief',
      after: 'reward/correctness',
    });
    expect(diff.columns.differing[0]).to.include({ column: 'reward' });
  });

  it('take steps as a range, or as one', async () => {
    expect(stepsOf('3..5')).to.deep.equal({ from: 3, to: 5 });
    expect(stepsOf('4')).to.deep.equal({ from: 4, to: 4 });
    expect(stepsOf('..5')).to.deep.equal({ from: 0, to: 5 });
    expect(stepsOf('3..').from).to.equal(3);
    for (const text of ['5..3', '..', 'a', '', '-1']) {
      expect((await errorOf(() => stepsOf(text))).code).to.equal('usage/arguments');
    }
  });
});
