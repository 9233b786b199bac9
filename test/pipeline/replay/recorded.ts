import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Catalogue, catalogueOf, type MapDefinition } from '../../../src/core/stage.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { loadPipeline, type Pipeline } from '../../../src/pipeline/file/resolve.ts';
import type { RunResult } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

/** A run of a second on the engine that promises bits, with evaluations and a checkpoint every step. */
export function smallRun(...set: string[]): Promise<Pipeline> {
  return smallRunWith(builtInStages, ...set);
}

export function smallRunWith(catalogue: Catalogue, ...set: string[]): Promise<Pipeline> {
  return loadPipeline('pipelines/smoke.yaml', {
    catalogue,
    set: [
      'policy.engine={use: onnx, threads: 1}',
      'evaluate={heldOut: {every: 2, through: value, stages: {prompts: {perStep: all}, rollout: {samples: 1, temperature: 0}}}}',
      'run.checkpoint={every: 1, keep: 9}',
      ...set,
    ],
  });
}

/** The built-in stages, with a rollout that tells of which cohorts it samples. */
export function watchedStages(sampled: (cohort: string) => void): Catalogue {
  const rollout = builtInStages.get('rollout/policy') as MapDefinition;
  const watched: MapDefinition = {
    ...rollout,
    async create(params, setup) {
      const stage = await rollout.create(params, setup);
      return {
        prepare: (dataset) => stage.prepare?.(dataset),
        run: (columns, event) => {
          sampled(`${event.scope} ${event.step}`);
          return stage.run(columns, event);
        },
      };
    },
  };
  return catalogueOf([...[...builtInStages.values()].filter((d) => d !== rollout), watched]);
}

/** What is asked of two runs that shall be one: all events by key, sorted, and the bytes of the trained policy. */
export interface Outcome {
  readonly events: readonly string[];
  readonly weights: string;
}

export async function outcomeOf(directory: string, checkpoint: string): Promise<Outcome> {
  const weights = await readFile(join(checkpoint, 'model.safetensors'));
  return { events: (await eventsOf(directory)).sort(), weights: weights.toString('base64') };
}

/** `train 2.0 rollout <identity>` of each event, in the order of the journal. */
export async function eventsOf(directory: string): Promise<string[]> {
  const log = await openRun(directory, { write: false });
  const found: string[] = [];
  for await (const { key, identity } of log.entries()) {
    found.push(`${key.scope} ${key.step}.${key.round} ${key.stage} ${identity}`);
  }
  await log.close();
  return found;
}

/** Copies a run as a crash would have left it when `events` of its events were in the journal. */
export async function cutAfter(directory: string, events: number, to: string): Promise<void> {
  await cp(directory, to, { recursive: true });
  const journal = join(to, 'journal.ndjson');
  const lines = (await readFile(journal, 'utf8')).split('\n').slice(0, events + 1);
  await writeFile(journal, `${lines.join('\n')}\n`);
}

/** The H-Acc of a table is a fold over these: branch, step, and what was correct. */
export function evaluationsOf({ evaluations }: RunResult): unknown[] {
  return evaluations.map(({ branch, step, evaluation }) => [branch, step, [...evaluation.correct]]);
}
