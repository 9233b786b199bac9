import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Catalogue, catalogueOf, defineMap } from '../../../src/core/stage.ts';
import { type Pipeline, resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import type { RunResult } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { outcomeOf } from '../replay/recorded.ts';

/** Right is every response: what it earns is the scale of its question, which the prompt tells. */
const always = defineMap({
  name: 'test/always',
  summary: 'Every response is right.',
  params: z.strictObject({}),
  needs: () => ['response'],
  adds: () => ['answer', 'correct'],
  create: () => ({
    run: ({ response }) => ({ answer: [...response], correct: new Float32Array(response.length).fill(1) }),
  }),
});

export const catalogue: Catalogue = catalogueOf([...builtInStages.values(), always]);

const text = `
rlev: 1
run: { steps: 3, seed: 3, checkpoint: { every: 2, keep: 9 } }
policy:
  from: fixtures/models/tiny-llama
  engine: { use: onnx, threads: 1 }
  critic: {}
stages:
  prompts: { use: prompts/exam, file: fixtures/exams/smoke.jsonl, perStep: 4 }
  rollout: { use: rollout/policy, samples: 2, maxTokens: 6 }
  verify: { use: test/always }
  value: { use: value/points }
  reward: { use: reward/rlev, alpha: 2 }
  values: { use: annotate/values }
  advantage: { use: advantage/gae, lambda: 0.95 }
  optimize:
    use: optimize/policy-gradient
    adamw: { lr: 1e-3 }
    critic: { adamw: { lr: 3e-3 }, epochs: 2, miniBatches: 2 }
`;

/** PPO with a critic in 3 steps of 4 prompts, whose values are to be learnt. */
export const ppoWith = (...set: string[]): Pipeline =>
  resolvePipeline(text, 'critic.yaml', { catalogue, set });

/** What a run ends in: its events, its policy and its critic. */
export async function endOf({ directory, checkpoint }: RunResult) {
  const critic = await readFile(join(checkpoint!, 'critic', 'model.safetensors'));
  return { ...(await outcomeOf(directory!, checkpoint!)), critic: critic.toString('base64') };
}
