import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { diffPipelines } from '../../../src/pipeline/replay/diff-pipelines.ts';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { errorOf } from '../../support/stage.ts';
import { furnish, smallPipeline, stagesWith } from '../small-run.ts';

/** A critic whose values are of the rows that a select left: a replay of the select needs the critic of each step. */
const text = smallPipeline
  .replace('steps: 3', 'steps: 2')
  .replace('policy: { ', 'policy: { critic: {}, ')
  .replace('  value:', '  signal: { use: select/signal }\n  value:')
  .replace('advantage/rloo }', 'advantage/gae, lambda: 0.95 }')
  .replace('  advantage:', '  values: { use: annotate/values }\n  advantage:')
  .replace('lr: 1e-3 } }', 'lr: 1e-3 }, critic: { adamw: { lr: 3e-3 } } }');

describe('a replay that needs weights of each step', function () {
  this.timeout(60_000);
  const catalogue = stagesWith();
  let folder: string;
  let run: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-starting-'));
    await furnish(folder);
    const pipeline = resolvePipeline(text, join(folder, 'critic.yaml'), { catalogue });
    run = (await train(pipeline, { directory: join(folder, 'run') })).directory!;
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const written = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };

  it('takes them from the checkpoints where two pipelines are compared', async () => {
    const a = await written('a.yaml', text);
    const b = await written('b.yaml', text.replace('lambda: 0.95', 'lambda: 0.5'));
    const { steps, columns } = await diffPipelines(a, b, run, { catalogue });
    expect(steps).to.equal(2);
    expect(columns.differing.map(({ column }) => column)).to.deep.equal(['advantage', 'returns']);
    expect(columns.equal).to.include('values');
  });

  it('reads them again for the rows that a select had dropped and now does not', async () => {
    const file = await written('all.yaml', text.replace('  signal: { use: select/signal }\n', ''));
    const { rollouts, policy, check } = await replay(run, { catalogue, pipeline: file, check: true });
    expect([rollouts, policy]).to.deep.equal([32, true]);
    expect(check!.difference).to.equal(undefined);
    expect(check!.compared).to.equal(0);
  });

  it('does not take them from a checkpoint that is damaged', async () => {
    const weights = join(run, 'checkpoints', '000001', 'critic', 'model.safetensors');
    const bytes = await readFile(weights);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(weights, bytes);
    const error = await errorOf(() => replay(run, { catalogue, from: 'values' }), 'run/corrupt');
    expect(error.place!.file).to.include('checkpoints/000001/');
  });
});
