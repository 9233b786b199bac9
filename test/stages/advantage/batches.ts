import fc from 'fast-check';

export interface RewardBatch {
  readonly rewards: Float64Array;
  readonly groups: Int32Array;
}

/** Batches of rewards in groups of any size, in any order. */
export const batches: fc.Arbitrary<RewardBatch> = fc
  .array(fc.tuple(fc.double({ min: -10, max: 10, noNaN: true }), fc.integer({ min: 0, max: 4 })), {
    minLength: 1,
    maxLength: 24,
  })
  .map((rows) => ({
    rewards: Float64Array.from(rows, ([reward]) => reward),
    groups: Int32Array.from(rows, ([, group]) => group),
  }));

/** Batches in which every response of a group earns the same, as s(x) when all are right. */
export const flatBatches: fc.Arbitrary<RewardBatch> = fc
  .tuple(
    fc.array(fc.double({ min: 1, max: 2, noNaN: true }), { minLength: 5, maxLength: 5 }),
    fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 40 }),
  )
  .map(([scales, groups]) => ({
    rewards: Float64Array.from(groups, (group) => scales[group]!),
    groups: Int32Array.from(groups),
  }));

/** An order of n rows drawn from a number. */
export function shuffled(n: number, seed: number): number[] {
  return fc.sample(fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n }), {
    numRuns: 1,
    seed,
  })[0]!;
}

export function near(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): boolean {
  return Array.from(a).every((x, i) => Math.abs(x - b[i]!) <= tolerance * Math.max(1, Math.abs(b[i]!)));
}
