/**
 * Times training steps of the shape that DESIGN and TRL's side are measured at: 32 prompts x 8 responses, up to 64
 * new tokens, 4 layers, hidden 128, a vocabulary of about 100, random weights. Prints the median of each stage over
 * the steps after the first, the share of recording (the same steps without a log, alternated), start-up time and
 * peak memory.
 *
 *     npx tsx bench/training-step.ts [steps=6] [threads=2] [hidden=128] [inFlight=1]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { builtInStages, type RunEvent, resolvePipeline, train } from '../src/index.ts';
import { writeCharacterTokenizer } from '../src/policy/character-tokenizer.ts';

const given = new Map(process.argv.slice(2).map((arg) => arg.split('=') as [string, string]));
const option = (name: string, otherwise: number): number => Number(given.get(name) ?? otherwise);
const steps = option('steps', 6);
const threads = option('threads', 2);
const hidden = option('hidden', 128);
const inFlight = option('inFlight', 1);

const folder = await mkdtemp(join(tmpdir(), 'rlev-bench-'));
const questions = Array.from({ length: 500 }, (_, i) => {
  const [a, b] = [10 + (i % 50), 10 + Math.floor(i / 10)];
  return {
    id: `q${i}`,
    exam: 'bench',
    question: `${a}+${b}=`,
    reference: String(a + b),
    points: 1 + ((a * b) % 10),
    exam_total: 100,
  };
});
await writeFile(join(folder, 'questions.jsonl'), questions.map((q) => `${JSON.stringify(q)}\n`).join(''));
const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
await writeCharacterTokenizer(join(folder, 'tokenizer'), `${characters}\n`);

const pipeline = resolvePipeline(
  stringify({
    rlev: 1,
    run: { steps, seed: 1, inFlight },
    policy: {
      init: { hidden, layers: 4, heads: hidden / 32, intermediate: 4 * hidden, context: 512 },
      tokenizer: 'tokenizer',
      engine: { use: 'onnx', threads },
    },
    stages: {
      prompts: { use: 'prompts/exam', file: 'questions.jsonl', template: '{question}', perStep: 32 },
      rollout: { use: 'rollout/policy', samples: 8, maxTokens: 64, temperature: 1 },
      verify: { use: 'verify/numeric' },
      value: { use: 'value/points' },
      reward: { use: 'reward/rlev' },
      advantage: { use: 'advantage/rloo' },
      optimize: { use: 'optimize/policy-gradient', loss: { use: 'loss/ppo-clip' }, adamw: { lr: 1e-3 } },
    },
  }),
  join(folder, 'bench.yaml'),
  { catalogue: builtInStages },
);

interface Timing {
  readonly firstStep: number;
  readonly steps: readonly number[];
  readonly stages: ReadonlyMap<string, readonly number[]>;
  readonly tokens: readonly number[];
}

async function timed(record: boolean): Promise<Timing> {
  const start = performance.now();
  let last = start;
  let firstStage = 0;
  const took: number[] = [];
  const tokens: number[] = [];
  const stages = new Map<string, number[]>();
  await train(pipeline, {
    record,
    runs: join(folder, 'runs'),
    onEvent(event: RunEvent) {
      const now = performance.now();
      if (event.type === 'opened') {
        firstStage = now - start;
        last = now;
      }
      if (event.type === 'stage') {
        stages.set(event.stage, [...(stages.get(event.stage) ?? []), event.milliseconds]);
      }
      if (event.type === 'step') {
        took.push(now - last);
        tokens.push(event.cohort.batch.getChild('response_tokens')!.data[0]!.children[0]!.length);
        last = now;
      }
    },
  });
  return { firstStep: firstStage, steps: took, stages, tokens };
}

const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[Math.floor(xs.length / 2)]!;

const recorded = await timed(true);
const bare = await timed(false);
await rm(folder, { recursive: true });

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
console.log(`start-up to first step   ${seconds(recorded.firstStep)}`);
console.log(`first step               ${seconds(recorded.steps[0]!)}`);
console.log(
  `step, median             ${seconds(median(recorded.steps.slice(1)))}  (all: ${recorded.steps.map((s) => (s / 1000).toFixed(2)).join(' ')})`,
);
for (const [stage, ms] of recorded.stages)
  console.log(`  ${stage.padEnd(22)} ${seconds(median(ms.slice(1)))}`);
console.log(`response tokens a step   ${median(recorded.tokens)}`);
console.log(
  `tokens/s, whole step     ${Math.round((1000 * median(recorded.tokens)) / median(recorded.steps.slice(1)))}`,
);
console.log(
  `recorded / not recorded  ${(median(recorded.steps.slice(1)) / median(bare.steps.slice(1))).toFixed(3)}`,
);
console.log(`peak memory              ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GB`);
