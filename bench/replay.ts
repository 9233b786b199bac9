/**
 * Times a replay of value, reward and advantage over a synthetic run of 64 prompts x 8 responses a step, 48 tokens a
 * response on average: rollouts a second (of the clock, and of CPU time where the machine is shared) and peak memory, for runs of two lengths, so that memory that grows shows.
 *
 *     npx tsx bench/replay.ts [steps=400] [prompts=64] [samples=8]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  type AnyColumns,
  builtInStages,
  createRun,
  raggedFloat32,
  raggedInt32,
  replay,
} from '../src/index.ts';

const given = new Map(process.argv.slice(2).map((arg) => arg.split('=') as [string, string]));
const option = (name: string, otherwise: number): number => Number(given.get(name) ?? otherwise);
const steps = option('steps', 400);
const prompts = option('prompts', 64);
const samples = option('samples', 8);

const stages = {
  prompts: { use: 'prompts/exam', file: 'questions.jsonl', perStep: prompts },
  rollout: { use: 'rollout/policy', samples, maxTokens: 96 },
  verify: { use: 'verify/exact' },
  value: { use: 'value/points' },
  reward: { use: 'reward/rlev', alpha: 10 },
  advantage: { use: 'advantage/rloo' },
};

let state = 1;
/** In [0, 1); xorshift, so that every run of the bench has the same numbers. */
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
}

function columnsOfStep(
  step: number,
): Record<'prompts' | 'rollout' | 'verify' | 'value' | 'reward' | 'advantage', AnyColumns> {
  const ids = Array.from({ length: prompts }, (_, i) => `${step}.0.${i}.0`);
  const rows = Array.from({ length: prompts * samples }, (_, i) => i);
  const rowIds = rows.map((i) => `${step}.0.${Math.floor(i / samples)}.${i % samples}`);
  const tokens = rows.map(() => Int32Array.from({ length: 1 + Math.floor(random() * 95) }, (_, t) => t % 90));
  const logprobs = raggedFloat32(tokens.map((row) => Float32Array.from(row, () => -random())));
  const points = Float64Array.from(ids, () => 1 + Math.floor(random() * 10));
  const correct = Float32Array.from(rows, () => (random() < 0.4 ? 1 : 0));
  const value = Float64Array.from(rows, (i) => points[Math.floor(i / samples)]! / 100);
  const perToken = raggedFloat32(tokens.map((row) => new Float32Array(row.length)));
  return {
    prompts: {
      row_id: ids,
      prompt_id: ids.map((_, i) => `q${(step * prompts + i) % 5000}`),
      exam: ids.map(() => 'bench'),
      prompt: ids.map((id) => `What is the answer to question ${id}?\n`),
      reference: ids.map(() => ['42']),
      solution: ids.map(() => null),
      points,
      exam_total: new Float64Array(prompts).fill(100),
      group: Int32Array.from(ids, (_, i) => i),
    },
    rollout: {
      row_id: rowIds,
      sample: Int32Array.from(rows, (i) => i % samples),
      role: rows.map(() => 'sample'),
      prompt_tokens: raggedInt32(rows.map(() => new Int32Array(32))),
      response_tokens: raggedInt32(tokens),
      response: tokens.map((row) => 'x'.repeat(row.length)),
      temperature: new Float32Array(rows.length).fill(1),
      sampled_logprobs: logprobs,
      eos_logprobs: logprobs,
      finish: rows.map(() => 'stop'),
      policy_version: new Int32Array(rows.length).fill(step),
    },
    verify: { row_id: rowIds, answer: rows.map(() => '42'), correct },
    value: { row_id: rowIds, value },
    reward: { row_id: rowIds, scale: value.map((v) => 1 + v), reward: value.map((v, i) => v * correct[i]!) },
    advantage: { row_id: rowIds, advantage: perToken },
  };
}

async function synthetic(directory: string, count: number): Promise<void> {
  const yaml = stringify({ rlev: 1, run: { steps: count }, stages });
  const log = await createRun(directory, { versions: {}, cpu: [], data: {}, policy: '' }, yaml);
  for (let step = 0; step < count; step++) {
    const columns = columnsOfStep(step);
    const appended = Object.entries(columns).map(([stage, added]) =>
      log.append({
        key: { step, round: 0, part: 0, stage, scope: 'train' },
        kind: 'columns',
        use: stages[stage as keyof typeof stages].use,
        params: {},
        parents: [],
        columns: added,
      }),
    );
    await Promise.all(appended);
  }
  await log.close();
}

const folder = await mkdtemp(join(tmpdir(), 'rlev-bench-'));
try {
  for (const count of [Math.ceil(steps / 4), steps]) {
    const directory = join(folder, `run-${count}`);
    await synthetic(directory, count);
    for (const how of ['replay alone', 'replay alone', 'compared with the recording']) {
      let peak = 0;
      const before = process.cpuUsage();
      const result = await replay(directory, {
        catalogue: builtInStages,
        from: 'value',
        to: 'advantage',
        compare: how.startsWith('compared'),
        onStep: (step) => {
          if (step % 16 === 0) peak = Math.max(peak, process.memoryUsage.rss());
        },
      });
      const { user, system } = process.cpuUsage(before);
      const rate = Math.round(result.rollouts / result.seconds).toLocaleString('en');
      const perCpu = Math.round((result.rollouts / (user + system)) * 1e6).toLocaleString('en');
      const megabytes = Math.round(peak / 2 ** 20);
      console.log(
        `${count} steps, ${result.rollouts} rollouts, ${how}: ${rate} rollouts/s (${perCpu} a CPU second), ${megabytes} MB`,
      );
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
