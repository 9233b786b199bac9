import { expect } from 'chai';
import { leftBehind } from '../../src/cli/attend.ts';
import { RlevError } from '../../src/core/errors.ts';
import { loadPipeline } from '../../src/pipeline/file/resolve.ts';
import { builtInStages } from '../../src/stages/catalogue.ts';

describe('what is said where a run stops', () => {
  const own = 'stages.verify.use=../test/pipeline/own/stages.ts#sameText';
  const failed = new RlevError({ code: 'stage/failed', message: 'It failed.' });
  const said = async (set: string[], error: RlevError) => {
    const pipeline = await loadPipeline('pipelines/smoke.yaml', { catalogue: builtInStages, set });
    return leftBehind({ directory: 'runs/a', pipeline }, error);
  };

  it('is that changed code of an own stage takes a new run', async () => {
    const text = await said([own], failed);
    expect(text).to.include('npx rlev train pipelines/smoke.yaml').and.to.not.include('resume');
  });

  it('is how to resume it, after any other error', async () => {
    const full = new RlevError({ code: 'run/io', message: 'The disk is full.' });
    expect(await said([own], full)).to.include('npx rlev resume runs/a');
    expect(await said([], failed)).to.include('npx rlev resume runs/a');
  });
});
