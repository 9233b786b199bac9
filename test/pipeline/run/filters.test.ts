import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Batch } from '../../../src/core/batch.ts';
import { verifyRun } from '../../../src/log/verify.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { overlongPenalty } from '../../../src/stages/shape/overlong.ts';
import { furnish, numbers, smallPipeline, stagesWith, stepsOf } from '../small-run.ts';

const filtered = smallPipeline
  .replace('steps: 3', 'steps: 2')
  .replace('maxTokens: 6', 'maxTokens: 6, greedy: true')
  .replace(
    '  advantage: { use: advantage/rloo }',
    `  shape: { use: shape/overlong, maxLength: 6, buffer: 4, penalty: 0.5 }
  mask: { use: shape/mask-truncated }
  baseline: { use: baseline/greedy }
  sampled: { use: select/sampled }
  signal: { use: select/signal }
  advantage: { use: advantage/remax }`,
  );

describe('a pipeline with filters, shaping and greedy rollouts', () => {
  let folder: string;
  let directory: string;
  let steps: Batch[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-filters-'));
    await furnish(folder);
    const pipeline = resolvePipeline(filtered, join(folder, 'filtered.yaml'), { catalogue: stagesWith() });
    directory = (await train(pipeline, { directory: join(folder, 'run') })).directory!;
    steps = await stepsOf(directory);
    expect(numbers(steps, 'group')).to.not.be.empty;
  });

  after(() => rmSync(folder, { recursive: true }));

  it('updates on sampled responses to prompts with signal only', () => {
    for (const step of steps) {
      const [groups, correct] = [numbers([step], 'group'), numbers([step], 'correct')];
      expect(new Set(numbers([step], 'role'))).to.deep.equal(new Set(['sample']));
      for (const group of new Set(groups)) {
        const verdicts = correct.filter((_, i) => groups[i] === group);
        expect(verdicts).to.have.length(4);
        expect(new Set(verdicts)).to.have.property('size', 2);
      }
    }
  });

  it('adds the penalty for length after scaling by value, in all that follows', () => {
    const [reward, scale, correct] = (['reward', 'scale', 'correct'] as const).map((c) => numbers(steps, c));
    const [advantage, baseline] = [numbers(steps, 'advantage'), numbers(steps, 'baseline_reward')];
    const lengths = steps.flatMap((step) =>
      Array.from(
        { length: step.numRows },
        (_, i) => step.getChild('response_tokens')!.get(i).length as number,
      ),
    );
    reward!.forEach((r, i) => {
      const penalty = overlongPenalty(lengths[i]!, { maxLength: 6, buffer: 4, penalty: 0.5 });
      expect(r).to.equal(scale![i]! * correct![i]! + penalty);
      expect(advantage[i]).to.be.closeTo(r - baseline[i]!, 1e-6);
    });
  });

  it('leaves a record that verifies', async () => {
    const { events } = await verifyRun(directory);
    expect(events).to.be.greaterThan(20);
  });
});
