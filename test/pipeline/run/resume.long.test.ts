import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { z } from 'zod';
import { integer, randomKey, uniform } from '../../../src/core/random.ts';
import { catalogueOf, defineMap } from '../../../src/core/stage.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';
import { cutAfter, evaluationsOf, eventsOf, outcomeOf, smallRun, smallRunWith } from '../replay/recorded.ts';
import { furnish, smallPipeline, stagesWith } from '../small-run.ts';

const script = fileURLToPath(new URL('run-until-killed.ts', import.meta.url));

/** A value that fades with every cohort: a stage with a state. */
const fading = defineMap({
  name: 'value/fading',
  summary: 'Values that fade.',
  params: z.strictObject({}),
  needs: () => ['points'],
  adds: () => ['value'],
  create: () => {
    let cohorts = 0;
    return {
      run: ({ points }) => {
        cohorts += 1;
        return { value: points.map((p) => p / (100 * cohorts)) };
      },
      async save(directory: string) {
        await mkdir(directory, { recursive: true });
        await writeFile(join(directory, 'cohorts'), String(cohorts));
      },
      async load(directory: string) {
        cohorts = Number(await readFile(join(directory, 'cohorts'), 'utf8'));
      },
    };
  },
});
const withFading = catalogueOf([...builtInStages.values(), fading]);

/**
 * Starts or resumes a run in a process of its own, and kills it: `delay` ms after it has said that `stages` stages are
 * done. Answers what it said, and whether it ended by itself.
 */
async function runAndKill(
  args: readonly string[],
  stages: number,
  delay: number,
): Promise<{ said: string[]; ended: boolean }> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  let due = false;
  const strike = async (): Promise<void> => {
    if (due) return;
    due = true;
    await wait(delay);
    child.kill('SIGKILL');
  };
  if (stages === 0) void strike();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (stages > 0 && said.split('stage\n').length > stages) void strike();
  });
  const [code] = await once(child, 'close');
  return { said: said.split('\n').slice(0, -1), ended: code === 0 };
}

describe('resume, wherever a run stops', function () {
  this.timeout(300_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-kill-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const inFlight of [1, 2]) {
    it(`gives the same events and weights after every event of a run with inFlight ${inFlight}`, async () => {
      // evaluations between the steps of one, cohorts sampled ahead in the other
      const set =
        inFlight === 1
          ? ['run.steps=2', 'evaluate.heldOut.every=1']
          : ['run.steps=3', 'run.inFlight=2', 'evaluate={}'];
      const pipeline = await smallRun(...set);
      const whole = await train(pipeline, { directory: join(folder, `whole-${inFlight}`) });
      const expected = await outcomeOf(whole.directory!, whole.checkpoint!);
      for (let events = 0; events < expected.events.length; events++) {
        const directory = join(folder, `cut-${inFlight}-${events}`);
        await cutAfter(whole.directory!, events, directory);
        const result = await resume(directory, { catalogue: builtInStages });
        expect(await outcomeOf(directory, result.checkpoint!), `cut after event ${events}`).to.deep.equal(
          expected,
        );
        expect(evaluationsOf(result)).to.deep.equal(evaluationsOf(whole));
      }
    });

    it(`gives the same events and weights after eight kills at random moments with inFlight ${inFlight}`, async () => {
      const set = [
        'run.steps=12',
        `run.inFlight=${inFlight}`,
        'run.checkpoint={every: 3, keep: 2}',
        'evaluate.heldOut.every=4',
      ];
      const whole = await train(await smallRun(...set), { directory: join(folder, `long-${inFlight}`) });
      const expected = await outcomeOf(whole.directory!, whole.checkpoint!);
      const directory = join(folder, `killed-${inFlight}`);
      const key = randomKey(inFlight, 'kill');
      let recorded: string[] = [];
      for (let kill = 0; kill < 8; kill++) {
        // one dies while it starts
        const stages = kill === 4 ? 0 : 1 + integer(key, kill, 14);
        const delay = uniform(key, kill) * (stages === 0 ? 2000 : 25);
        const { said, ended } = await runAndKill([directory, ...set], stages, delay);
        expect(ended, `kill ${kill} came too late`).to.equal(false);
        if (!existsSync(join(directory, 'journal.ndjson'))) {
          await rm(directory, { recursive: true, force: true });
          continue;
        }
        const sampled = said.filter((line) => line.startsWith('sampled ')).map((line) => line.slice(8));
        const before = recorded.filter((line) => / rollout /.test(line)).map((line) => line.split('.0 ')[0]);
        expect(before.filter((cohort) => sampled.includes(cohort!))).to.deep.equal([]);
        const now = await eventsOf(directory);
        expect(now.slice(0, recorded.length)).to.deep.equal(recorded);
        recorded = now;
      }
      const result = await resume(directory, { catalogue: builtInStages });
      expect(await outcomeOf(directory, result.checkpoint!)).to.deep.equal(expected);
      expect(evaluationsOf(result)).to.deep.equal(evaluationsOf(whole));
    });
  }

  for (const inFlight of [1, 2]) {
    it(`brings back the state of a stage that keeps one, with inFlight ${inFlight}`, async () => {
      const pipeline = await smallRunWith(
        withFading,
        'run.steps=4',
        `run.inFlight=${inFlight}`,
        'run.checkpoint={every: 2, keep: 2}',
        'stages.value.use=value/fading',
        'evaluate={}',
      );
      const kept = await train(pipeline, { directory: join(folder, `kept-${inFlight}`) });
      const expected = await outcomeOf(kept.directory!, kept.checkpoint!);
      for (let events = 6; events < expected.events.length; events += 3) {
        const cut = join(folder, `kept-${inFlight}-${events}`);
        await cutAfter(kept.directory!, events, cut);
        const result = await resume(cut, { catalogue: withFading });
        expect(await outcomeOf(cut, result.checkpoint!), `cut after event ${events}`).to.deep.equal(expected);
      }
    });
  }

  it('gives the same events and weights after every event of a step that is sampled in rounds', async () => {
    const folderOfRounds = join(folder, 'rounds');
    await mkdir(folderOfRounds);
    await furnish(folderOfRounds);
    const refill = '  signal: { use: select/signal, refill: { groups: 4, rounds: 4 } }\n  value:';
    const text = smallPipeline.replace('steps: 3', 'steps: 1').replace('samples: 4', 'samples: 2');
    const catalogue = stagesWith();
    const pipeline = resolvePipeline(text.replace('  value:', refill), join(folderOfRounds, 'refill.yaml'), {
      catalogue,
    });
    const whole = await train(pipeline, { directory: join(folderOfRounds, 'whole') });
    const expected = await outcomeOf(whole.directory!, whole.checkpoint!);
    expect(expected.events.some((line) => line.startsWith('train 0.1 '))).to.equal(true);
    for (let events = 0; events < expected.events.length; events++) {
      const directory = join(folderOfRounds, `cut-${events}`);
      await cutAfter(whole.directory!, events, directory);
      const result = await resume(directory, { catalogue });
      expect(await outcomeOf(directory, result.checkpoint!), `cut after event ${events}`).to.deep.equal(
        expected,
      );
    }
  });

  it('is refused while another process has the run, with its pid, and not when that is gone', async () => {
    const directory = join(folder, 'shared');
    const child = spawn(process.execPath, ['--import', 'tsx', script, directory, 'run.steps=500'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const error = await errorOf(() => resume(directory, { catalogue: builtInStages }), 'run/locked');
    expect(error.message).to.include(`Process ${child.pid} `);
    child.kill('SIGKILL');
    await once(child, 'close');
    await (await openRun(directory, { write: true })).close();
  });
});
