import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { progressOn } from '../../src/cli/progress.ts';
import { batchOf } from '../../src/core/batch.ts';
import { loadPipeline } from '../../src/pipeline/file/resolve.ts';
import type { RunEvent } from '../../src/pipeline/run/run.ts';
import { builtInStages } from '../../src/stages/catalogue.ts';

/** What is printed of a run of one step that then evaluates. */
async function printed(done: boolean): Promise<string[]> {
  const pipeline = await loadPipeline('pipelines/smoke.yaml', {
    catalogue: builtInStages,
    set: ['run.steps=1'],
  });
  const out = new PassThrough();
  const view = progressOn(out as unknown as NodeJS.WriteStream);
  const events = [
    { type: 'opened', directory: 'runs/a', pipeline, from: 0, again: 0, evaluations: [1] },
    {
      type: 'step',
      step: 1,
      of: 1,
      cohort: { batch: batchOf({ reward: Float64Array.of(1) }), event: { round: 0 } },
      metrics: {},
    },
    { type: 'evaluating', branch: 'heldOut', step: 1 },
  ];
  for (const event of events) view.tell(event as unknown as RunEvent);
  view.end(done);
  return String(out.read()).trim().split('\n');
}

describe('progress where stdout is no terminal', () => {
  it('is a line a step, one for what follows it, and one at the end of the run', async () => {
    const lines = await printed(true);
    expect(lines).to.have.length(3);
    expect(lines[0]).to.match(/^step 1\/1 {2}reward 1\.00/);
    expect(lines[1]).to.match(/^step 1\/1 {2}evaluating heldOut/);
    expect(lines[2]).to.match(/in all$/);
  });

  it('claims no end for a run that was cut in what follows its last step', async () => {
    expect((await printed(false)).at(-1)).to.match(/evaluating heldOut/);
  });
});
