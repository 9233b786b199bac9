import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Pipeline, resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { cutAfter, evaluationsOf, eventsOf, outcomeOf } from '../replay/recorded.ts';
import { furnish, smallPipeline, stagesWith } from '../small-run.ts';

const branched = `${smallPipeline
  .replace('steps: 3', 'steps: 1')
  .replace('  verify:', '  reference: { use: annotate/logprobs, add: [ref_logprobs] }\n  verify:')
  .replace('loss: {', 'reference: { every: 1 }, loss: {')}
evaluate:
  easy:
    through: value
    stages: { prompts: { file: easy.jsonl, perStep: all }, rollout: { samples: 1, temperature: 0 } }
  hard:
    every: 1
    through: reward
    stages: { prompts: { file: hard.jsonl, perStep: all }, rollout: { samples: 2 }, reward: { alpha: 5 } }
`;

describe('a run with two evaluations, each of its own data, and a reference that moves', function () {
  this.timeout(60_000);
  const catalogue = stagesWith();
  let folder: string;
  let pipeline: Pipeline;
  let run: RunResult;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-branches-'));
    await furnish(folder);
    const questions = (await readFile('fixtures/exams/train.jsonl', 'utf8')).split('\n');
    await writeFile(join(folder, 'easy.jsonl'), questions.slice(0, 3).join('\n'));
    await writeFile(join(folder, 'hard.jsonl'), questions.slice(3, 8).join('\n'));
    pipeline = resolvePipeline(branched, join(folder, 'branched.yaml'), { catalogue });
    run = await train(pipeline, { directory: join(folder, 'run') });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('evaluates each on its questions, before and after, and lists them by step', () => {
    const seen = run.evaluations.map(({ branch, step, evaluation }) => [
      branch,
      step,
      evaluation.correct.length,
    ]);
    expect(seen).to.deep.equal([
      ['easy', 0, 3],
      ['hard', 0, 10],
      ['easy', 1, 3],
      ['hard', 1, 10],
    ]);
  });

  it('is resumed from the middle of either to the same events and results', async () => {
    const events = await eventsOf(run.directory!);
    const expected = await outcomeOf(run.directory!, run.checkpoint!);
    for (const stop of ['eval:easy 1.0 reference ', 'eval:hard 1.0 rollout ']) {
      const cut = join(folder, `cut-${stop.slice(5, 9)}`);
      await cutAfter(run.directory!, events.findIndex((line) => line.startsWith(stop)) + 1, cut);
      const result = await resume(cut, { catalogue });
      expect(await outcomeOf(cut, result.checkpoint!)).to.deep.equal(expected);
      expect(evaluationsOf(result)).to.deep.equal(evaluationsOf(run));
    }
  });

  for (const [scope, from, compared] of [
    ['train', 'prompts', 7],
    ['eval:easy', 'verify', 4],
    ['eval:easy', 'reference', 6],
    ['eval:hard', 'verify', 6],
  ] as const) {
    it(`is replayed to the recorded identities: ${scope} from ${from}`, async () => {
      const { check } = await replay(run.directory!, { catalogue, scope, from, check: true });
      expect(check).to.deep.equal({ compared, changed: 0, difference: undefined });
    });
  }
});
