import { expect } from 'chai';
import fc from 'fast-check';
import { normal, randomKey, uniform } from '../../src/core/random.ts';
import { type Engine, openEngine, type TensorData } from '../../src/engine/engine.ts';
import { type Choice, chooseToken } from '../../src/policy/choose-token.ts';

interface Case {
  readonly rows: number;
  readonly vocabulary: number;
  readonly logits: Float32Array;
  readonly uniforms: Float32Array;
  readonly temperature: number;
  readonly topP: number;
  readonly stopIds: readonly number[];
}

const key = randomKey(3, 'choose-token test');
const logitsOf = (n: number, scale = 2): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => normal(key, i) * scale);
const uniformsOf = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => uniform(key, 1e6 + i));

async function choose(
  engine: Engine,
  choice: Choice,
  c: Case,
): Promise<{ token: TensorData; logprob: TensorData; eosLogprob: TensorData }> {
  const program = await engine.compile({
    name: 'choose',
    inputs: {
      logits: { shape: [c.rows, c.vocabulary], dtype: 'float32' },
      ...(choice.how === 'greedy'
        ? {}
        : {
            uniforms: { shape: [c.rows], dtype: 'float32' },
            temperature: { shape: [1], dtype: 'float32' },
          }),
      ...(choice.how === 'truncate' ? { topP: { shape: [1], dtype: 'float32' } } : {}),
    },
    run: (inputs) => ({ ...chooseToken(inputs.logits!, c.stopIds, choice, inputs) }),
  });
  try {
    const { logits, uniforms, temperature, topP } = c;
    const feeds = {
      logits,
      ...(choice.how === 'greedy' ? {} : { uniforms, temperature: Float32Array.of(temperature) }),
      ...(choice.how === 'truncate' ? { topP: Float32Array.of(topP) } : {}),
    };
    return (await program.run(feeds)) as never;
  } finally {
    await program.release();
  }
}

/** float64 log-softmax of one row of logits over T. */
function logSoftmax(c: Case, row: number, temperature: number): number[] {
  const z = Array.from(
    c.logits.subarray(row * c.vocabulary, (row + 1) * c.vocabulary),
    (x) => x / temperature,
  );
  const top = Math.max(...z);
  const total = Math.log(z.reduce((sum, x) => sum + Math.exp(x - top), 0)) + top;
  return z.map((x) => x - total);
}

/** Inverts a distribution in float64; null where the uniform lies too near to a boundary for float32 to tell. */
function invert(order: readonly number[], weights: readonly number[], u: number): number | null {
  const total = weights.reduce((a, b) => a + b);
  let sum = 0;
  for (const [rank, token] of order.entries()) {
    sum += weights[rank]! / total;
    if (Math.abs(sum - u) < 1e-6) return null;
    if (sum > u) return token;
  }
  return order.at(-1)!;
}

const engines = ['reference', 'onnx'] as const;

for (const use of engines) {
  describe(`policy/choose-token on ${use}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine({ use });
    });
    after(() => engine.close());

    const base: Case = {
      rows: 64,
      vocabulary: 37,
      logits: logitsOf(64 * 37),
      uniforms: uniformsOf(64),
      temperature: 0.7,
      topP: 1,
      stopIds: [3, 30],
    };

    it('inverts the cumulated softmax of logits/T at the uniform number of each row', async () => {
      const { token } = await choose(engine, { how: 'sample' }, base);
      let certain = 0;
      for (let row = 0; row < base.rows; row++) {
        const p = logSoftmax(base, row, 0.7).map(Math.exp);
        const expected = invert(
          p.map((_, i) => i),
          p,
          base.uniforms[row]!,
        );
        if (expected === null) continue;
        certain++;
        expect(token[row], `row ${row}`).to.equal(expected);
      }
      expect(certain).to.be.above(60);
    });

    it('gives log-probabilities of the token and of stopping over the whole vocabulary', async () => {
      for (const choice of [{ how: 'sample' }, { how: 'truncate', topK: 4 }] as const) {
        const { token, logprob, eosLogprob } = await choose(engine, choice, { ...base, topP: 0.6 });
        for (let row = 0; row < base.rows; row++) {
          const p = logSoftmax(base, row, 0.7);
          expect(logprob[row]).to.be.closeTo(p[token[row]!]!, 2e-6 * 10);
          const stop = Math.log(Math.exp(p[3]!) + Math.exp(p[30]!));
          expect(eosLogprob[row]).to.be.closeTo(stop, 2e-5);
        }
      }
    });

    it('takes the most likely token greedily, with log-probabilities at temperature 1', async () => {
      const { token, logprob } = await choose(engine, { how: 'greedy' }, base);
      for (let row = 0; row < base.rows; row++) {
        const p = logSoftmax(base, row, 1);
        const best = p.indexOf(Math.max(...p));
        expect(token[row]).to.equal(best);
        expect(logprob[row]).to.be.closeTo(p[best]!, 2e-5);
      }
    });

    it('keeps a stop log-probability far below what exp can hold', async () => {
      const logits = new Float32Array(2 * 4).map((_, i) => (i % 4 === 1 ? -200 : 0));
      const c = { ...base, rows: 2, vocabulary: 4, logits, uniforms: uniformsOf(2), stopIds: [1] };
      const { eosLogprob } = await choose(engine, { how: 'sample' }, { ...c, temperature: 1 });
      expect(eosLogprob[0]).to.be.closeTo(-200 - Math.log(3), 1e-4);
    });

    it('never takes a token of probability 0, nor runs past the end, at the largest uniform number', async () => {
      const largest = 1 - 2 ** -24;
      const property = fc.asyncProperty(
        fc.integer({ min: 2, max: 40 }),
        fc.integer(),
        fc.constantFrom(0, largest, 0.5),
        async (vocabulary, seed, u) => {
          const own = randomKey(seed, 'cdf');
          // About a third of the tokens have probability 0, the first and the last among them.
          const logits = Float32Array.from({ length: 2 * vocabulary }, (_, i) => {
            const token = i % vocabulary;
            const end = vocabulary > 2 && (token === 0 || token === vocabulary - 1);
            return end || uniform(own, i) < 0.3 ? -1e4 : normal(own, i) * 3;
          });
          const uniforms = Float32Array.of(u, u);
          const c = { ...base, rows: 2, vocabulary, logits, uniforms, stopIds: [1], temperature: 1 };
          for (const choice of [{ how: 'sample' }, { how: 'truncate', topK: 0 }] as const) {
            const { token, logprob } = await choose(engine, choice, { ...c, topP: 2 });
            for (let row = 0; row < 2; row++) {
              expect(token[row]).to.be.within(0, vocabulary - 1);
              expect(Number.isFinite(logprob[row])).to.equal(true);
              expect(logprob[row]).to.be.above(-100);
            }
          }
        },
      );
      await fc.assert(property, { numRuns: 15 });
    });

    it('keeps the k most likely tokens, then the smallest set that reaches p of their mass', async () => {
      for (const [topK, topP] of [
        [5, 2],
        [0, 0.8],
        [6, 0.7],
        [1, 2],
        [0, 1e-9],
        [100, 0.9],
      ] as const) {
        const { token } = await choose(engine, { how: 'truncate', topK }, { ...base, topP });
        for (let row = 0; row < base.rows; row++) {
          const p = logSoftmax(base, row, 0.7).map(Math.exp);
          const sorted = p.map((_, i) => i).sort((a, b) => p[b]! - p[a]!);
          const top = topK > 0 ? sorted.slice(0, topK) : sorted;
          const mass = top.reduce((sum, i) => sum + p[i]!, 0);
          const kept: number[] = [];
          for (let sum = 0; kept.length < top.length && sum < topP * mass; ) {
            kept.push(top[kept.length]!);
            sum += p[kept.at(-1)!]!;
          }
          const weights = kept.map((i) => p[i]!);
          const expected = invert(kept, weights, base.uniforms[row]!);
          if (expected !== null) expect(token[row], `row ${row}, k ${topK}, p ${topP}`).to.equal(expected);
        }
      }
    });

    it('draws tokens as often as the softmax says', async () => {
      const vocabulary = 8;
      const rows = 4096;
      const one = logitsOf(vocabulary, 1);
      const logits = new Float32Array(rows * vocabulary).map((_, i) => one[i % vocabulary]!);
      const c = { ...base, rows, vocabulary, logits, uniforms: uniformsOf(rows), temperature: 1.3 };
      const { token } = await choose(engine, { how: 'sample' }, { ...c, stopIds: [1] });
      const counts = new Array<number>(vocabulary).fill(0);
      for (const t of token) counts[t]!++;
      const expected = logSoftmax(c, 0, 1.3).map((l) => Math.exp(l) * rows);
      const chiSquare = counts.reduce((sum, n, i) => sum + (n - expected[i]!) ** 2 / expected[i]!, 0);
      // The 99.9% quantile of chi-square with 7 degrees of freedom.
      expect(chiSquare).to.be.below(24.32);
    });
  });
}
