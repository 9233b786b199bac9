import { expect } from 'chai';
import { type Columns, raggedFloat32, raggedInt32, rowOf } from '../../../src/core/columns.ts';
import { randomKey, uniform } from '../../../src/core/random.ts';
import type { MapDefinition } from '../../../src/core/stage.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { createStage, type StageParams, stageEvent } from '../../../src/stages/create-stage.ts';

/** What an estimator does where values meet it; each of the catalogue has to be here. */
interface Claim {
  readonly params?: StageParams;
  /** Where equal rewards give exactly 0: in each group, only in a whole batch, or never. */
  readonly zero: 'group' | 'batch' | 'never';
  /** What becomes of s(x): kept, cancelled, kept as differences between questions only, or ignored. */
  readonly scale: 'kept' | 'cancelled' | 'differences' | 'ignored';
}

const claims: Readonly<Record<string, readonly Claim[]>> = {
  'advantage/constant': [{ zero: 'never', scale: 'ignored' }],
  'advantage/rloo': [
    { zero: 'group', scale: 'kept' },
    { params: { normalize: true }, zero: 'group', scale: 'differences' },
    { params: { preset: 'verl' }, zero: 'group', scale: 'kept' },
  ],
  'advantage/grpo': [
    { zero: 'group', scale: 'cancelled' },
    { params: { preset: 'openrlhf' }, zero: 'group', scale: 'cancelled' },
    { params: { eps: 0 }, zero: 'group', scale: 'cancelled' },
    { params: { std: 'batch' }, zero: 'group', scale: 'differences' },
    { params: { std: false }, zero: 'group', scale: 'kept' },
  ],
  'advantage/dr-grpo': [
    { zero: 'group', scale: 'kept' },
    { params: { preset: 'verl' }, zero: 'group', scale: 'kept' },
  ],
  'advantage/grpo-weighted': [
    { zero: 'group', scale: 'kept' },
    { params: { preset: 'openrlhf' }, zero: 'group', scale: 'kept' },
  ],
  'advantage/reinforce++': [
    { zero: 'batch', scale: 'differences' },
    { params: { preset: 'openrlhf' }, zero: 'batch', scale: 'differences' },
  ],
  'advantage/reinforce++-baseline': [
    { zero: 'batch', scale: 'differences' },
    { params: { preset: 'openrlhf' }, zero: 'batch', scale: 'differences' },
  ],
  'advantage/remax': [{ zero: 'group', scale: 'kept' }],
  'advantage/opo': [{ zero: 'group', scale: 'kept' }],
  'advantage/gpg': [{ zero: 'group', scale: 'kept' }],
  'advantage/pass-at-k': [
    { zero: 'group', scale: 'kept' },
    { params: { std: true }, zero: 'group', scale: 'cancelled' },
  ],
  'advantage/maxrl': [{ zero: 'group', scale: 'cancelled' }],
  'advantage/gae': [
    { zero: 'batch', scale: 'differences' },
    { params: { preset: 'openrlhf' }, zero: 'batch', scale: 'differences' },
  ],
};

/** A question: s(x) and its responses, each right or not, each of some tokens. */
interface Question {
  readonly s: number;
  readonly right: readonly boolean[];
  readonly lengths?: readonly number[];
}

/** All columns that estimators read, of the questions; the critic foresees nothing, greedy is as the last response. */
function cohort(questions: readonly Question[]): Columns {
  const rows = questions.flatMap(({ s, right, lengths }, group) =>
    right.map((ok, i) => ({
      group,
      s,
      correct: ok ? 1 : 0,
      greedy: right.at(-1) ? s : 0,
      length: lengths?.[i] ?? 1 + (i % 3),
    })),
  );
  const perToken = (x: number) => raggedFloat32(rows.map(({ length }) => new Array(length).fill(x)));
  return {
    group: Int32Array.from(rows, ({ group }) => group),
    correct: Float32Array.from(rows, ({ correct }) => correct),
    scale: Float64Array.from(rows, ({ s }) => s),
    reward: Float64Array.from(rows, ({ s, correct }) => s * correct),
    baseline_reward: Float64Array.from(rows, ({ greedy }) => greedy),
    response_tokens: raggedInt32(rows.map(({ length }) => new Array(length).fill(1))),
    values: perToken(0),
    loss_mask: perToken(1),
  } as unknown as Columns;
}

async function advantages(name: string, params: StageParams, columns: Columns) {
  const stage = await createStage(builtInStages.get(name) as MapDefinition, params);
  return ((await stage.run(columns, stageEvent())) as Columns).advantage;
}

const variants = Object.entries(claims).flatMap(([name, list]) =>
  list.map((claim) => ({ name, params: {}, ...claim })),
);
const titleOf = (name: string, params: StageParams): string => `${name} ${JSON.stringify(params)}`;

const sizes = Array.from({ length: 15 }, (_, i) => i + 2);
const draws = 25;
const key = randomKey(20, 'equal rewards');
const drawn = (draw: number): number => 1 + uniform(key, draw);

describe('traps of values: all estimators', () => {
  it('are listed here', () => {
    const names = [...builtInStages.keys()].filter((name) => name.startsWith('advantage/'));
    expect(Object.keys(claims)).to.have.members(names);
  });

  describe('groups in which every response earns the same s', () => {
    it('would not be 0 in float32, where rounding in the mean is divided by nothing but eps', () => {
      const noisy = sizes.filter((n) =>
        Array.from({ length: draws }, (_, i) => float32Grpo(drawn(i), n)).some((a) => Math.abs(a) > 1e-3),
      );
      expect(noisy).to.include.members([3, 5, 6, 7]);
    });

    for (const { name, params, zero } of variants) {
      if (zero === 'never') continue;
      it(`give exactly 0: ${titleOf(name, params)}`, async () => {
        for (const n of sizes) {
          const all = (ok: boolean): boolean[] => new Array<boolean>(n).fill(ok);
          const silent = Array.from({ length: draws }, (_, i) => ({ s: drawn(i), right: all(true) }));
          // One batch of them all where each group stands for itself, otherwise each a batch.
          const batches = zero === 'group' ? [silent] : silent.map((question) => [question]);
          for (const questions of batches) {
            const wrong = zero === 'group' ? [{ s: 1.5, right: all(false) }] : [];
            const signal = zero === 'group' ? [{ s: 1.5, right: all(false).with(0, true) }] : [];
            const advantage = await advantages(name, params, cohort([...questions, ...wrong, ...signal]));
            const rows = (questions.length + wrong.length) * n;
            for (let i = 0; i < rows; i++) {
              const s = questions[Math.floor(i / n)]?.s;
              for (const a of rowOf(advantage, i)) expect(a, `${n} times ${s}`).to.equal(0);
            }
            if (zero === 'group') expect(rowOf(advantage, rows)[0]).to.be.greaterThan(0);
          }
        }
      });
    }
  });

  describe('s(x)', () => {
    const right = [true, false, false, false, false];
    const of = (low: number, high: number) =>
      cohort([
        { s: low, right },
        { s: high, right },
      ]);

    for (const { name, params, scale } of variants) {
      it(`is ${scale}: ${titleOf(name, params)}`, async () => {
        const advantage = await advantages(name, params, of(1.2, 2));
        const doubled = await advantages(name, params, of(2.4, 4));
        const gap = (from: number): number => rowOf(advantage, from)[0]! - rowOf(advantage, from + 1)[0]!;
        const ratio = scale === 'kept' || scale === 'differences' ? 2 / 1.2 : 1;
        if (scale !== 'ignored') expect(gap(5) / gap(0)).to.be.closeTo(ratio, 1e-4);
        const factor = scale === 'kept' ? 2 : 1;
        doubled.values.forEach((a, t) => {
          expect(a).to.be.closeTo(factor * advantage.values[t]!, 3e-4);
        });
      });

      it(`is what the definition says it is divided by: ${titleOf(name, params)}`, () => {
        const definition = builtInStages.get(name) as MapDefinition;
        const divisor = definition.dividesBy!(definition.params.parse(params));
        const said = {
          kept: /^nothing$/,
          cancelled: /^group-/,
          differences: /^batch-std$/,
          ignored: /^nothing$/,
        };
        expect(divisor).to.match(said[scale]);
      });
    }
  });

  describe('what is not there or does not count', () => {
    it('gives no advantage to a cohort of which a filter has left nothing', async () => {
      for (const { name, params } of variants) {
        const advantage = await advantages(name, params, cohort([]));
        expect([...advantage.offsets], titleOf(name, params)).to.deep.equal([0]);
      }
    });

    const right = [true, false, true, false, false];
    const questions = (lengths?: readonly number[]): Question[] => [
      { s: 1.3, right, ...(lengths && { lengths }) },
      { s: 2, right: right.map((ok) => !ok), ...(lengths && { lengths }) },
    ];

    for (const { name, params } of variants) {
      const { shape } = builtInStages.get(name)!.params as unknown as { shape: object };
      if ('lossMask' in shape) {
        it(`enters no mean: ${titleOf(name, params)}, tokens that loss_mask leaves out`, async () => {
          const whole = cohort(questions([2, 3, 1, 4, 2]));
          const expected = await advantages(name, { ...params, lossMask: true }, whole);
          const holes = withHoles(whole);
          const actual = await advantages(name, { ...params, lossMask: true }, holes);
          for (let i = 0; i < whole.group.length; i++) {
            const mask = rowOf(holes.loss_mask, i);
            const row = [...rowOf(actual, i)];
            expect(row.filter((_, t) => mask[t] === 0)).to.deep.equal([0, 0, 0]);
            expect(row.filter((_, t) => mask[t] === 1)).to.deep.equal([...rowOf(expected, i)]);
          }
        });
      } else {
        it(`enters no mean: ${titleOf(name, params)}, the lengths of responses`, async () => {
          const short = await advantages(name, params, cohort(questions([1, 1, 1, 1, 1])));
          const long = await advantages(name, params, cohort(questions([9, 1, 5, 2, 7])));
          short.values.forEach((a, i) => {
            expect(new Set(rowOf(long, i))).to.deep.equal(new Set([a]));
          });
        });
      }
    }
  });
});

/** Columns with a token more before, within and behind each response, which loss_mask leaves out. */
function withHoles(columns: Columns): Columns {
  const wide = (data: Columns['values'], filler: number) =>
    raggedFloat32(
      Array.from(columns.group, (_, i) => {
        const [head, ...tail] = rowOf(data, i);
        return [filler, head!, filler, ...tail, filler];
      }),
    );
  const loss_mask = wide(columns.loss_mask, 0);
  return {
    ...columns,
    loss_mask,
    values: wide(columns.values, 1e6),
    response_tokens: { offsets: loss_mask.offsets, values: Int32Array.from(loss_mask.values, () => 1) },
  };
}

/** GRPO of n rewards s, summed in order in float32. */
function float32Grpo(s: number, n: number): number {
  const f = Math.fround;
  let sum = 0;
  for (let i = 0; i < n; i++) sum = f(sum + f(s));
  const centred = f(f(s) - f(sum / n));
  const sd = f(Math.sqrt(f((n * centred * centred) / (n - 1))));
  return f(centred / f(sd + 1e-6));
}
