import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Batch, columnOf } from '../../src/core/batch.ts';
import { type ColumnName, rowOf } from '../../src/core/columns.ts';
import { type Catalogue, catalogueOf, defineMap } from '../../src/core/stage.ts';
import { cohortsOf, joinedBatch } from '../../src/log/join.ts';
import { openRun } from '../../src/log/run-directory.ts';
import { resolvePipeline } from '../../src/pipeline/file/resolve.ts';
import { train } from '../../src/pipeline/run/run.ts';
import { builtInStages } from '../../src/stages/catalogue.ts';

/** Right are responses whose token ids have an odd sum, or an even one: an untrained policy gives both. */
const parity = defineMap({
  name: 'test/parity',
  summary: 'Correct where the sum of the token ids is odd, or even.',
  params: z.strictObject({ even: z.boolean().default(false) }),
  needs: () => ['response_tokens'],
  adds: () => ['answer', 'correct'],
  create: ({ even }) => ({
    run: ({ response_tokens }) => {
      const rows = response_tokens.offsets.length - 1;
      const odd = Float32Array.from(
        { length: rows },
        (_, i) => rowOf(response_tokens, i).reduce((sum, id) => sum + id, 0) % 2,
      );
      return { answer: Array.from(odd, String), correct: even ? odd.map((x) => 1 - x) : odd };
    },
  }),
});

/** The built-in stages, `test/parity`, and what a test puts in their place. */
export function stagesWith(...more: Parameters<typeof catalogueOf>[0]): Catalogue {
  return catalogueOf([...builtInStages.values(), parity, ...more]);
}

/** A pipeline of 4 prompts x 4 responses in 3 steps, with its data and policy beside it in a folder. */
export const smallPipeline = `
rlev: 1
run: { steps: 3, seed: 1, checkpoint: { every: 1, keep: 5 } }
policy: { from: policy, engine: { use: onnx, threads: 1 } }
stages:
  prompts: { use: prompts/exam, file: questions.jsonl, perStep: 4 }
  rollout: { use: rollout/policy, samples: 4, maxTokens: 6 }
  verify: { use: test/parity }
  value: { use: value/points }
  reward: { use: reward/rlev, alpha: 10 }
  advantage: { use: advantage/rloo }
  optimize: { use: optimize/policy-gradient, loss: { use: loss/ppo-clip }, adamw: { lr: 1e-3 } }
`;

/** Puts what the pipeline needs into a folder. */
export async function furnish(folder: string): Promise<void> {
  await cp('fixtures/models/tiny-llama', join(folder, 'policy'), { recursive: true });
  await cp('fixtures/exams/smoke.jsonl', join(folder, 'questions.jsonl'));
}

/** Records a run of the small pipeline in `folder/name`. */
export async function record(folder: string, name: string, ...set: string[]): Promise<string> {
  const catalogue = stagesWith();
  const pipeline = resolvePipeline(smallPipeline, join(folder, 'small.yaml'), { catalogue, set });
  const { directory } = await train(pipeline, { directory: join(folder, name) });
  return directory!;
}

/** All columns of each step of a run. */
export async function stepsOf(directory: string): Promise<Batch[]> {
  const log = await openRun(directory, { write: false });
  const steps: Batch[] = [];
  for await (const cohort of cohortsOf(log, { scope: 'train' })) steps.push(await joinedBatch(log, cohort));
  await log.close();
  return steps;
}

/** One number a row of several steps, one after the other; of a list its first. */
export function numbers(steps: readonly Batch[], column: ColumnName): number[] {
  return steps.flatMap((batch) => {
    const data = columnOf(batch, column);
    if (typeof data === 'object' && 'offsets' in data) {
      return Array.from({ length: batch.numRows }, (_, i) => data.values[data.offsets[i]!]!);
    }
    return Array.from(data as Iterable<number>);
  });
}
