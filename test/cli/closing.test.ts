import { expect } from 'chai';
import { closing } from '../../src/cli/closing.ts';
import { loadPipeline } from '../../src/pipeline/file/resolve.ts';
import { builtInStages } from '../../src/stages/catalogue.ts';

const load = (file: string, set: string[] = []) => loadPipeline(file, { catalogue: builtInStages, set });
const result = { directory: 'runs/a', steps: 1, evaluations: [], checkpoint: 'runs/a/checkpoints/000001' };

describe('what is said at the end of a run', () => {
  for (const use of ['advantage/rloo', 'advantage/grpo']) {
    it(`names a command that trains by another estimator than ${use}`, async () => {
      const pipeline = await load('pipelines/rlev.yaml', [`stages.advantage.use=${use}`]);
      const [, file, set] = /rlev train (\S+) --set (\S+)/.exec(closing(pipeline, result))!;
      const other = await load(file!, [set!]);
      expect(other.stages.find(({ id }) => id === 'advantage')!.use).to.not.equal(use);
    });
  }

  it('names no estimator that gives no returns to a critic which is trained on them', async () => {
    const text = closing(await load('pipelines/ppo.yaml'), result);
    expect(text).to.include('rlev eval --policy').and.to.not.include('--set').and.to.not.include('estimator');
  });

  it('names no estimator where the pipeline has none', async () => {
    const text = closing(await load('pipelines/sft.yaml'), result);
    expect(text).to.include('rlev eval --policy runs/a/checkpoints/000001').and.to.not.include('--set');
  });
});
