import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { rowLength, rowOf } from '../../src/core/columns.ts';
import { RlevError } from '../../src/core/errors.ts';
import { foldIn, permutation, randomKey, uniform } from '../../src/core/random.ts';
import type { Rollouts, SampleRequest } from '../../src/core/services.ts';
import { type Engine, openEngine } from '../../src/engine/engine.ts';
import { tf } from '../../src/engine/tf.ts';
import { loadCheckpoint, type PolicyWeights } from '../../src/policy/checkpoint.ts';
import { initialConfig, initialWeights } from '../../src/policy/init.ts';
import { parameterViews } from '../../src/policy/parameters.ts';
import { createSampler, type LocalSampler } from '../../src/policy/sampler.ts';
import { openTokenizer } from '../../src/policy/tokenizer.ts';

const fixture = (name: string): string => new URL(`../../fixtures/models/${name}`, import.meta.url).pathname;
const shared = (name: string): string => new URL(`../../../shared/models/${name}`, import.meta.url).pathname;

interface ReferencePrompt {
  readonly input_ids: number[];
  readonly greedy_ids: number[];
  readonly greedy_logprobs: number[];
  readonly greedy_eos_logprob: number[];
}

/** `ids` holds prompt, new tokens and the stop token where it was reached. */
interface GreedyText {
  readonly prompt: string;
  readonly max_new_tokens: number;
  readonly ids: number[];
  readonly finished: boolean;
  readonly text: string;
}

interface Reference {
  readonly prompts: ReferencePrompt[];
  readonly greedy_text?: readonly GreedyText[];
}

const referenceOf = (directory: string): Reference =>
  JSON.parse(readFileSync(`${directory}/reference.json`, 'utf8'));

/** A sampler of a checkpoint, with other ends of a response where a test wants them. */
function samplerOf(
  engine: Engine,
  weights: PolicyWeights,
  options: { stopIds?: readonly number[]; maxRows?: number } = {},
): LocalSampler {
  const views = parameterViews(weights.layout, weights.values);
  const { maxRows } = options;
  return createSampler({
    engine,
    config: { ...weights.config, stopIds: options.stopIds ?? weights.config.stopIds },
    weights: () => views,
    ...(maxRows !== undefined && { maxRows }),
  });
}

const greedy = { version: 0, temperature: 0, topK: 0, topP: 1 };
const key = randomKey(11, 'sampler test');

function greedyRequest(prompts: readonly number[][], maxTokens: number): SampleRequest {
  return {
    ...greedy,
    maxTokens,
    prompts: prompts.map((ids) => Int32Array.from(ids)),
    rows: prompts.map((_, prompt) => ({ prompt, key })),
  };
}

const plain = (rollouts: Rollouts, row: number): unknown => [
  ...rowOf(rollouts.tokens, row),
  ...rowOf(rollouts.logprobs, row),
  ...rowOf(rollouts.eosLogprobs!, row),
  rollouts.stopped[row],
];

async function rejection(promise: Promise<unknown>): Promise<RlevError> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(RlevError);
    return error as RlevError;
  }
  throw new Error('It did not fail.');
}

const engines = ['reference', 'onnx'] as const;
const checkpoints = [
  ...['tiny-llama', 'tiny-llama31', 'tiny-qwen2', 'tiny-qwen3'].map((name) => [name, fixture(name), 5e-5]),
  ['stories260k', shared('stories260k'), 1e-4],
] as [name: string, directory: string, tolerance: number][];

for (const use of engines) {
  describe(`policy/sampler on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use });
    });
    after(() => engine.close());

    // Plain JavaScript is slow: one checkpoint there.
    const here = checkpoints.filter(([name]) => use === 'onnx' || name === 'tiny-qwen3');
    for (const [name, directory, tolerance] of here) {
      it(`takes the tokens that transformers takes greedily, with their log-probabilities: ${name}`, async function () {
        if (!existsSync(directory)) return this.skip();
        const weights = await loadCheckpoint(directory);
        const { prompts } = referenceOf(directory);
        // The reference reads on past its end, so the stop id has to be one that it never takes.
        const eos = JSON.parse(readFileSync(`${directory}/config.json`, 'utf8')).eos_token_id as number;
        const unused = weights.config.vocabulary - 1 - (eos === weights.config.vocabulary - 1 ? 1 : 0);
        const taken = new Set(prompts.flatMap((p) => p.greedy_ids));
        const never = Array.from({ length: unused }, (_, i) => i).find((i) => !taken.has(i))!;
        const request = greedyRequest(
          prompts.map((p) => p.input_ids),
          24,
        );
        const endless = samplerOf(engine, weights, { stopIds: [never] });
        const ending = samplerOf(engine, weights, { stopIds: [eos] });
        const whole = await endless.sample(request);
        const stopped = await ending.sample(request);
        for (const [i, prompt] of prompts.entries()) {
          expect([...rowOf(whole.tokens, i)]).to.deep.equal(prompt.greedy_ids);
          closeTo(rowOf(whole.logprobs, i), prompt.greedy_logprobs, tolerance);
          const end = prompt.greedy_ids.indexOf(eos);
          const length = end < 0 ? 24 : end + 1;
          expect([...rowOf(stopped.tokens, i)]).to.deep.equal(prompt.greedy_ids.slice(0, length));
          expect(stopped.stopped[i]).to.equal(end < 0 ? 0 : 1);
          closeTo(rowOf(stopped.eosLogprobs!, i), prompt.greedy_eos_logprob.slice(0, length), tolerance);
        }
        await endless.close();
        await ending.close();
      });
    }
  });
}

describe('policy/sampler', () => {
  let engine: Engine;
  let weights: PolicyWeights;
  const sampling = { version: 0, temperature: 1, topK: 0, topP: 1 };

  before(async () => {
    engine = await openEngine({ use: 'onnx' });
    weights = await loadCheckpoint(fixture('tiny-llama'));
  });
  after(() => engine.close());

  /** Prompts of many lengths, several rows each. */
  function mixedRequest(prompts: number, samples: number, maxTokens: number): SampleRequest {
    const draw = (i: number, below: number): number => Math.floor(uniform(key, i) * below);
    return {
      ...sampling,
      maxTokens,
      prompts: Array.from({ length: prompts }, (_, p) =>
        Int32Array.from({ length: 1 + draw(p, 40) }, (_, t) => 4 + draw(1000 + p * 100 + t, 90)),
      ),
      rows: Array.from({ length: prompts * samples }, (_, r) => ({
        prompt: Math.floor(r / samples),
        key: foldIn(key, r),
      })),
    };
  }

  it('gives every row the same response, bit for bit, whatever rows stand beside it', async () => {
    const request = mixedRequest(6, 4, 40);
    const stopIds = [2, 9, 10, 11];
    const sampler = samplerOf(engine, weights, { stopIds });
    const whole = await sampler.sample(request);
    const lengths = request.rows.map((_, row) => rowLength(whole.tokens, row));
    expect(Math.min(...lengths)).to.be.below(20);
    expect(Math.max(...lengths)).to.equal(40);
    const others = new Map<number, LocalSampler>();
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: request.rows.length }),
      fc.integer({ min: 0 }),
      fc.constantFrom(1, 3, 16, 256),
      async (count, seed, maxRows) => {
        const order = permutation(randomKey(seed, 'order'), request.rows.length).subarray(0, count);
        const other = others.get(maxRows) ?? samplerOf(engine, weights, { stopIds, maxRows });
        others.set(maxRows, other);
        const rows = Array.from(order, (i) => request.rows[i]!);
        const part = await other.sample({ ...request, rows });
        for (const [i, row] of order.entries()) {
          expect(plain(part, i), `row ${row} of ${count}, maxRows ${maxRows}`).to.deep.equal(
            plain(whole, row),
          );
        }
      },
    );
    await fc.assert(property, { numRuns: 6 });
    for (const each of [sampler, ...others.values()]) await each.close();
  });

  it('gives the same numbers in large batches as in small, where an engine splits products otherwise', async () => {
    const ids = { vocabulary: 64, bosId: null, stopIds: [2], padId: 0 };
    const shape = { hidden: 128, layers: 2, heads: 4, intermediate: 344, contextLength: 64 };
    const wide = initialWeights(initialConfig(shape, ids), key, 0.1);
    const rows = Array.from({ length: 160 }, (_, i) => ({ prompt: i % 2, key: foldIn(key, i) }));
    const prompts = [Int32Array.of(5, 6, 7, 9, 10), Int32Array.of(8)];
    const [all, few] = [samplerOf(engine, wide), samplerOf(engine, wide, { maxRows: 32 })];
    const request = { ...sampling, maxTokens: 8, prompts, rows };
    const [a, b] = [await all.sample(request), await few.sample(request)];
    expect(b).to.deep.equal(a);
    await Promise.all([all.close(), few.close()]);
  });

  it('tells the stories that transformers tells, to their ends', async function () {
    const directory = shared('stories260k');
    if (!existsSync(directory)) return this.skip();
    const teller = await loadCheckpoint(directory);
    const tokenizer = await openTokenizer(directory, teller.config);
    const stories = referenceOf(directory).greedy_text!;
    const prompts = stories.map(({ prompt }) => tokenizer.encode(prompt));
    const sampler = samplerOf(engine, teller);
    const rows = stories.map((_, prompt) => ({ prompt, key }));
    const maxTokens = stories[0]!.max_new_tokens;
    const { tokens, stopped } = await sampler.sample({ ...greedy, maxTokens, prompts, rows });
    for (const [i, story] of stories.entries()) {
      const ids = [...prompts[i]!, ...rowOf(tokens, i)];
      expect(ids).to.deep.equal(story.ids);
      expect(stopped[i]).to.equal(story.finished ? 1 : 0);
      expect(tokenizer.decode(Int32Array.from(ids))).to.equal(story.text);
    }
    await sampler.close();
  });

  it('draws by the key of the row and the position alone', async () => {
    const sampler = samplerOf(engine, weights, { stopIds: [2] });
    const prompts = [Int32Array.of(1, 20, 30)];
    const rows = [1, 1, 2].map((k) => ({ prompt: 0, key: foldIn(key, k) }));
    const rollouts = await sampler.sample({ ...sampling, maxTokens: 20, prompts, rows });
    expect(plain(rollouts, 0)).to.deep.equal(plain(rollouts, 1));
    expect(plain(rollouts, 0)).not.to.deep.equal(plain(rollouts, 2));
    await sampler.close();
  });

  it('ends a response at its stop token, and decodes fewer rows from then on', async () => {
    const rowsDecoded: number[] = [];
    const counting: Engine = {
      ...engine,
      async compile(program) {
        const compiled = await engine.compile(program);
        return {
          ...compiled,
          run(feeds) {
            if (feeds.lengths) rowsDecoded.push(feeds.lengths.length);
            return compiled.run(feeds);
          },
        };
      },
    };
    const stopIds = Array.from({ length: 30 }, (_, i) => i * 3);
    const sampler = samplerOf(counting, weights, { stopIds });
    const request = mixedRequest(8, 4, 30);
    const { tokens, stopped } = await sampler.sample(request);
    for (let row = 0; row < request.rows.length; row++) {
      const response = [...rowOf(tokens, row)];
      expect(response.slice(0, -1).some((token) => stopIds.includes(token))).to.equal(false);
      expect(stopIds.includes(response.at(-1)!)).to.equal(stopped[row] === 1);
      if (!stopped[row]) expect(response).to.have.length(30);
    }
    expect(rowsDecoded[0]).to.equal(32);
    expect(rowsDecoded.at(-1)).to.be.below(16);
    expect([...rowsDecoded].sort((a, b) => b - a)).to.deep.equal(rowsDecoded);
    await sampler.close();
  });

  it('draws with top-k and top-p only tokens that they keep', async () => {
    const sampler = samplerOf(engine, weights, { stopIds: [2] });
    const request = mixedRequest(4, 2, 12);
    const only = await sampler.sample({ ...request, topK: 1 });
    const best = await sampler.sample({ ...request, temperature: 0 });
    const narrow = await sampler.sample({ ...request, topP: 1e-6 });
    expect(only.tokens).to.deep.equal(best.tokens);
    expect(narrow.tokens).to.deep.equal(best.tokens);
    closeTo(only.logprobs.values, [...best.logprobs.values], 1e-5);
    await sampler.close();
  });

  it('stops between two tokens when it is cancelled', async () => {
    const sampler = samplerOf(engine, weights, { stopIds: [2] });
    const controller = new AbortController();
    let calls = 0;
    const request = mixedRequest(2, 2, 60);
    const rows = request.rows.map((row) => ({ ...row }));
    // A key that is read once a token stands for the clock.
    Object.defineProperty(rows[0], 'key', {
      get() {
        if (++calls === 5) controller.abort();
        return key;
      },
    });
    const error = await rejection(sampler.sample({ ...request, rows }, controller.signal));
    expect(error.code).to.equal('run/cancelled');
    expect(calls).to.equal(5);
    await sampler.close();
  });

  it('refuses what does not fit the context before it samples, with the way out', async () => {
    const sampler = samplerOf(engine, weights);
    const prompts = [Int32Array.of(5), new Int32Array(100).fill(5)];
    const rows = [
      { prompt: 0, key },
      { prompt: 1, key },
    ];
    const error = await rejection(sampler.sample({ ...sampling, maxTokens: 29, prompts, rows }));
    expect(error.code).to.equal('policy/context');
    expect(error.summary)
      .to.contain('Row 1')
      .and.to.contain('100')
      .and.to.contain('29')
      .and.to.contain('128');
    expect(error.help).to.equal('Shorten the prompt to 99 tokens or lower maxTokens to 28.');
    const { tokens } = await sampler.sample({ ...greedy, maxTokens: 28, prompts, rows });
    expect(rowLength(tokens, 1)).to.be.within(1, 28);
    await sampler.close();
  });

  it('refuses empty prompts, strange tokens and options out of range', async () => {
    const sampler = samplerOf(engine, weights);
    const good: SampleRequest = {
      ...sampling,
      maxTokens: 4,
      prompts: [Int32Array.of(5)],
      rows: [{ prompt: 0, key }],
    };
    const codes: [Partial<SampleRequest>, string][] = [
      [{ prompts: [new Int32Array(0)] }, 'policy/context'],
      [{ prompts: [Int32Array.of(96)] }, 'policy/tokenizer'],
      [{ rows: [{ prompt: 1, key }] }, 'usage/arguments'],
      [{ maxTokens: 0 }, 'usage/arguments'],
      [{ temperature: Number.NaN }, 'usage/arguments'],
      [{ topK: -1 }, 'usage/arguments'],
      [{ topP: 0 }, 'usage/arguments'],
    ];
    for (const [patch, code] of codes) {
      expect((await rejection(sampler.sample({ ...good, ...patch }))).code).to.equal(code);
    }
    await sampler.close();
  });

  it('says so where the weights are not finite', async () => {
    const broken = { ...weights, values: weights.values.slice().fill(Number.NaN) };
    const sampler = samplerOf(engine, broken);
    const error = await rejection(sampler.sample(greedyRequest([[5, 6]], 3)));
    expect(error.code).to.equal('run/non-finite');
    await sampler.close();
  });

  it('samples nothing for no rows', async () => {
    const sampler = samplerOf(engine, weights);
    const { tokens, stopped } = await sampler.sample({ ...sampling, maxTokens: 3, prompts: [], rows: [] });
    expect([...tokens.offsets]).to.deep.equal([0]);
    expect(stopped).to.have.length(0);
    await sampler.close();
  });

  it('leaves no tensor behind', async () => {
    const reference = await openEngine({ use: 'reference' });
    const sampler = samplerOf(reference, weights, { stopIds: [2] });
    const request = mixedRequest(2, 2, 5);
    await sampler.sample(request);
    const before = tf.memory().numTensors;
    await sampler.sample({ ...request, topK: 3 });
    expect(tf.memory().numTensors).to.equal(before);
    await sampler.close();
    await reference.close();
  });
});

function closeTo(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(actual.length).to.equal(expected.length);
  const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(actual[i]! - x)), 0);
  expect(worst).to.be.at.most(tolerance);
}
