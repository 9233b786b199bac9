import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { columnOf } from '../../../src/core/batch.ts';
import { RlevError } from '../../../src/core/errors.ts';
import { catalogueOf, defineMap } from '../../../src/core/stage.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { loadPipeline, type Pipeline } from '../../../src/pipeline/file/resolve.ts';
import { type RunEvent, type RunOptions, type RunResult, train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const reference = (...set: string[]): Promise<Pipeline> =>
  loadPipeline('pipelines/smoke.yaml', { catalogue: builtInStages, set });
const smoke = (...set: string[]): Promise<Pipeline> =>
  reference('policy.engine={use: onnx, threads: 1}', ...set);

const heldOut =
  'evaluate={heldOut: {every: 1, through: value, stages: {prompts: {perStep: all}, rollout: {samples: 1, temperature: 0}}}}';

async function identities(directory: string): Promise<string[]> {
  const log = await openRun(directory, { write: false });
  const found: string[] = [];
  for await (const { key, identity } of log.entries())
    found.push(`${key.scope} ${key.step} ${key.stage} ${identity}`);
  await log.close();
  return found;
}

async function failure(promise: Promise<unknown>): Promise<RlevError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).to.be.instanceOf(RlevError);
  return error as RlevError;
}

describe('a run', () => {
  let runs: string;
  const run = async (pipeline: Pipeline, more: RunOptions = {}): ReturnType<typeof train> =>
    train(pipeline, { runs, ...more });

  beforeEach(async () => {
    runs = await mkdtemp(join(tmpdir(), 'rlev-test-'));
  });
  afterEach(() => rm(runs, { recursive: true, force: true }));

  it('trains from the first step to the last, and records every stage of every step, on the reference engine', async () => {
    const events: RunEvent[] = [];
    const result = await run(await reference(), { onEvent: (e) => events.push(e) });
    expect(result.steps).to.equal(2);
    expect(events.filter((e) => e.type === 'step').map((e) => e.step)).to.deep.equal([1, 2]);
    const recorded = (await identities(result.directory!)).map((line) =>
      line.split(' ').slice(0, 3).join(' '),
    );
    const stages = ['prompts', 'rollout', 'verify', 'value', 'reward', 'advantage', 'optimize'];
    expect(recorded).to.deep.equal([
      ...[0, 1].flatMap((step) => stages.map((stage) => `train ${step} ${stage}`)),
      'train 2 checkpoint',
    ]);
  });

  describe('once recorded, with evaluations', () => {
    let folder: string;
    let recorded: RunResult;
    const told: string[] = [];
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rlev-test-'));
      recorded = await train(await smoke(heldOut), {
        directory: join(folder, 'run'),
        onEvent: (e) => e.type !== 'stage' && told.push(e.type),
      });
    });
    after(() => rm(folder, { recursive: true, force: true }));

    it('has columns that a reader can join on row_id', async () => {
      const log = await openRun(recorded.directory!, { write: false });
      for await (const entry of log.entries()) {
        if (entry.key.stage !== 'reward' || entry.key.scope !== 'train') continue;
        const batch = await log.read(entry);
        expect(batch.schema.fields.map((f) => f.name)).to.deep.equal(['row_id', 'scale', 'reward']);
        expect(columnOf(batch, 'row_id')).to.deep.equal(
          [0, 1].flatMap((g) => [0, 1].map((s) => `${entry.key.step}.0.${g}.${s}`)),
        );
      }
      await log.close();
    });

    it('was evaluated before the first step, at its interval and after the last', () => {
      expect(recorded.evaluations.map((e) => [e.branch, e.step, e.evaluation.promptId.length])).to.deep.equal(
        [0, 1, 2].map((step) => ['heldOut', step, 4]),
      );
    });

    it('told of a step before the checkpoint and the evaluations that follow it', () => {
      const evaluation = ['evaluating', 'evaluated'];
      expect(told).to.deep.equal([
        ...['opened', ...evaluation],
        ...['step', ...evaluation],
        ...['step', 'checkpoint', ...evaluation],
      ]);
    });

    it('keeps the resolved pipeline, which runs again on the onnx engine to the same identities and weights', async () => {
      const file = join(recorded.directory!, 'pipeline.yaml');
      const again = await train(await loadPipeline(file, { catalogue: builtInStages }), {
        directory: join(folder, 'again'),
      });
      expect(await identities(again.directory!)).to.deep.equal(await identities(recorded.directory!));
      const weights = await Promise.all(
        [recorded, again].map(({ checkpoint }) => readFile(join(checkpoint!, 'model.safetensors'))),
      );
      expect(weights[0]!.equals(weights[1]!)).to.equal(true);
    });
  });

  it('gives the same identities twice with two cohorts in flight', async () => {
    const pipelines = () => smoke('run.inFlight=2', 'run.steps=4');
    const [a, b] = [await run(await pipelines()), await run(await pipelines())];
    expect((await identities(a.directory!)).sort()).to.deep.equal((await identities(b.directory!)).sort());
  });

  it('goes to the next free directory', async () => {
    await mkdir(join(runs, 'smoke'));
    const { directory } = await run(await smoke('run.steps=1'));
    expect(directory).to.equal(join(runs, 'smoke-2'));
  });

  it('takes another directory where a run that began at the same time has the name', async () => {
    const pipeline = await smoke('run.steps=1');
    const results = await Promise.all([run(pipeline), run(pipeline)]);
    expect(results.map((r) => r.directory).sort()).to.deep.equal([
      join(runs, 'smoke'),
      join(runs, 'smoke-2'),
    ]);
  });

  it('writes nothing where recording is off', async () => {
    const result = await run(await smoke('run.steps=1'), { record: false });
    expect(result.directory).to.equal(undefined);
    expect(await readdir(runs)).to.deep.equal([]);
  });

  it('refuses a directory that exists, and leaves it as it was', async () => {
    const error = await failure(run(await smoke(), { directory: runs }));
    expect(error.code).to.equal('run/exists');
    expect(await readdir(runs)).to.deep.equal([]);
  });

  const refused: [string, string[], string, RegExp][] = [
    ['data that is not there', ['stages.prompts.file=nowhere.jsonl'], 'data/missing-file', /nowhere\.jsonl/],
    [
      'a checkpoint that is not there',
      ['policy.from=../fixtures/nowhere'],
      'policy/checkpoint',
      /fixtures\/nowhere/,
    ],
    [
      'responses longer than the context',
      ['stages.rollout.maxTokens=500'],
      'policy/context',
      /maxTokens 500 .*128 tokens/,
    ],
    [
      'prompts that leave no room for a response',
      ['stages.rollout.maxTokens=124'],
      'policy/context',
      /smoke\.jsonl:1.*more than the 128/,
    ],
    [
      'a character that the tokenizer lacks',
      ['stages.prompts.template="{question} \u00e9"'],
      'policy/tokenizer',
      /smoke\.jsonl:1.*\u00e9/,
    ],
    ['an unknown loss', ['stages.optimize.loss.use=loss/ppo-clop'], 'config/unknown-stage', /Did you mean/],
  ];
  for (const [what, set, code, message] of refused) {
    it(`refuses ${what} before anything is written`, async () => {
      const error = await failure(smoke(...set).then((pipeline) => run(pipeline)));
      expect(error.message).to.match(message);
      expect(error.code).to.equal(code);
      expect(await readdir(runs)).to.deep.equal([]);
    });
  }

  it('that is cancelled leaves a valid run, and says so with one error', async () => {
    const abort = new AbortController();
    const directory = join(runs, 'cut');
    const error = await failure(
      run(await smoke('run.steps=50'), {
        directory,
        signal: abort.signal,
        onEvent: (e) => e.type === 'step' && e.step === 2 && abort.abort(),
      }),
    );
    expect(error.code).to.equal('run/cancelled');
    expect((await identities(directory)).length).to.be.within(14, 40);
  });

  it('that is cancelled while its policy opens ends at once and writes nothing', async () => {
    const pipeline = await smoke();
    const abort = new AbortController();
    const failed = failure(run(pipeline, { signal: abort.signal }));
    setImmediate(() => abort.abort());
    const error = await failed;
    expect(error.code).to.equal('run/cancelled');
    expect(error.message).to.not.include('recorded');
    expect(await readdir(runs)).to.deep.equal([]);
  });

  it('that is cancelled ends though a stage never does', async () => {
    const stuck = defineMap({
      name: 'test/stuck',
      summary: 'Never answers.',
      params: z.strictObject({}),
      needs: () => ['row_id'],
      adds: () => ['value'],
      create: () => ({ run: () => new Promise<never>(() => {}) }),
    });
    const catalogue = catalogueOf([...builtInStages.values(), stuck]);
    const abort = new AbortController();
    const pipeline = await loadPipeline('pipelines/smoke.yaml', {
      catalogue,
      set: ['policy.engine={use: onnx, threads: 1}', 'stages.value={use: test/stuck}'],
    });
    const error = await failure(
      run(pipeline, {
        directory: join(runs, 'stuck'),
        signal: abort.signal,
        onEvent: (e) => e.type === 'stage' && e.stage === 'verify' && abort.abort(),
      }),
    );
    expect(error.code).to.equal('run/cancelled');
    expect(await identities(join(runs, 'stuck'))).to.have.length(3);
  });

  it('that is cancelled before it began writes nothing', async () => {
    const error = await failure(run(await smoke(), { signal: AbortSignal.abort() }));
    expect(error.code).to.equal('run/cancelled');
    expect(existsSync(join(runs, 'smoke'))).to.equal(false);
  });
});
