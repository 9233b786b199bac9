/**
 * Times training steps of the shape that DESIGN and TRL's side are measured at: 32 prompts x 8 responses, up to 64
 * new tokens, 4 layers, hidden 128, a vocabulary of about 100, random weights. Medians are over the steps after the
 * third, which have met every shape of batch. Prints the median of each stage (its recording included), what
 * appending the same events once more takes, start-up time and peak memory.
 *
 *     npx tsx bench/training-step.ts [steps=10] [threads=2] [hidden=128] [inFlight=1]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { allColumnsOf } from '../src/core/batch.ts';
import { builtInStages, createRun, openRun, type RunEvent, resolvePipeline, train } from '../src/index.ts';
import { writeCharacterTokenizer } from '../src/policy/character-tokenizer.ts';

const given = new Map(process.argv.slice(2).map((arg) => arg.split('=') as [string, string]));
const option = (name: string, otherwise: number): number => Number(given.get(name) ?? otherwise);
const steps = option('steps', 10);
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
  readonly directory: string;
}

async function timed(): Promise<Timing> {
  const start = performance.now();
  let last = start;
  let firstStage = 0;
  const took: number[] = [];
  const tokens: number[] = [];
  const stages = new Map<string, number[]>();
  const { directory } = await train(pipeline, {
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
  return { firstStep: firstStage, steps: took, stages, tokens, directory: directory! };
}

const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[Math.floor(xs.length / 2)]!;

const settled = <T>(xs: readonly T[]): readonly T[] => xs.slice(3);

/** Milliseconds that appending the events of each step takes, one after the other as the loop does. */
async function recording(directory: string): Promise<number[]> {
  const log = await openRun(directory, { write: false });
  const again = await createRun(`${directory}-again`, log.header, 'rlev: 1\n');
  const took: number[] = [];
  for await (const { key, kind, use, segment, data } of log.entries()) {
    if (kind === 'checkpoint') continue;
    const columns =
      segment && allColumnsOf(await log.read({ seq: 0, key, kind, use, identity: '', segment }));
    const start = performance.now();
    await again.append({
      key,
      kind,
      use,
      params: {},
      parents: [],
      ...(columns && { columns }),
      ...(data && { data }),
    });
    took[key.step] = (took[key.step] ?? 0) + performance.now() - start;
  }
  await log.close();
  await again.close();
  return took;
}

const runs = [await timed(), await timed()];
const appended = settled(await recording(runs[1]!.directory));
await rm(folder, { recursive: true });

const step = median(runs.flatMap((t) => settled(t.steps)));
const stageOf = (stage: string): number => median(runs.flatMap((t) => settled(t.stages.get(stage)!)));
const tokens = median(runs.flatMap((t) => settled(t.tokens)));

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
console.log(`start-up to first step   ${seconds(runs[0]!.firstStep)}`);
console.log(`first step               ${seconds(runs[0]!.steps[0]!)}`);
console.log(`step, median             ${seconds(step)}`);
for (const stage of runs[0]!.stages.keys()) console.log(`  ${stage.padEnd(22)} ${seconds(stageOf(stage))}`);
console.log(`response tokens a step   ${tokens}`);
console.log(`tokens/s, whole step     ${Math.round((1000 * tokens) / step)}`);
console.log(
  `recording a step         ${median(appended).toFixed(1)} ms, ${((100 * median(appended)) / step).toFixed(1)}% of the step`,
);
console.log(`peak memory              ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GB`);
