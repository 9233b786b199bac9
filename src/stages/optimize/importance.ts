import { z } from 'zod';
import type { Ragged } from '../../core/columns.ts';

/** How a sampler that is not quite the trainer is corrected for. */
export interface Importance {
  readonly level: 'token' | 'sequence';
  /** Largest weight; or [lo, hi]; or no bound; or no weights, for rejection alone. */
  readonly threshold: number | readonly [number, number] | 'unbounded' | 'none';
  /** What becomes of a weight outside [lo, hi]: 0 (IcePop), or the nearest bound (OpenRLHF). */
  readonly outside: 'zero' | 'clamp';
  readonly normalize: boolean;
  readonly reject: readonly Rejection[];
}

export interface Rejection {
  readonly use: (typeof statistics)[number];
  /** Largest value that stays; or for k1 [lo, hi] of the ratio sampler / trainer, and a number c is [1/c, c]. */
  readonly keep: number | readonly [number, number];
  /** What is rejected has no loss, but is counted as before where losses become one number. */
  readonly counted?: boolean;
}

const statistics = [
  'token-k1',
  'token-k2',
  'token-k3',
  'sum-k1',
  'sum-k2',
  'sum-k3',
  'mean-k1',
  'mean-k2',
  'mean-k3',
  'max-k1',
  'max-k2',
  'max-k3',
] as const;

const above0 = z.number().gt(0);
const bounds = z
  .tuple([above0, above0])
  .refine(([low, high]) => low <= high, 'the lower bound first, then the upper');

/** `importance:` of a pipeline file. */
export const importanceSchema = z.strictObject({
  level: z.enum(['token', 'sequence']).default('token').describe('One weight a token, or one a response.'),
  threshold: z
    .union([above0, bounds, z.enum(['unbounded', 'none'])])
    .default(2)
    .describe('Largest weight; or `[lo, hi]`; or `unbounded`; or `none`: no weights.'),
  outside: z
    .enum(['zero', 'clamp'])
    .default('zero')
    .describe('A weight outside `[lo, hi]` becomes 0 (IcePop), or the nearest bound.'),
  normalize: z.boolean().default(false).describe('Divide the weights by their mean over the cohort.'),
  reject: z
    .array(
      z
        .strictObject({
          use: z.enum(statistics).describe('Over a token, or the sum, mean or maximum of a response.'),
          keep: z
            .union([above0, bounds])
            .describe('Largest value that stays; for k1 `[lo, hi]` of the ratio, or c for `[1/c, c]`.'),
          counted: z
            .boolean()
            .default(false)
            .describe('Count what is rejected where the losses of tokens become one number, as a loss of 0.'),
        })
        .refine(
          ({ use, keep }) => use.endsWith('k1') || !Array.isArray(keep),
          'one bound for k2 and k3, `keep: 0.1`; two bounds are for the ratio, k1',
        )
        .refine(
          ({ use, keep }) => !use.endsWith('k1') || Array.isArray(keep) || keep >= 1,
          'for k1 a number of 1 or more, or two bounds on the ratio, `keep: [0.5, 2]`',
        ),
    )
    .default([])
    .describe('Tokens or responses that are left out of the loss.'),
});

/**
 * Truncated importance sampling (Yao et al., 2025; verl's rollout correction). With l = log(trainer / sampler) of a
 * token, clamped to +-20, or summed over a response and then clamped:
 *
 *     w = min(exp(l), threshold), or with [lo, hi] exp(l) inside, and outside 0 (IcePop, arXiv 2510.18855) or
 *     the nearest bound (OpenRLHF)
 *
 * `normalize` divides by the mean weight, of tokens or of responses, where it is above 1e-8. Rejection drops, from the
 * mask, tokens or whole responses by k1 = -l (bounds on exp(k1), the ratio sampler / trainer), k2 = l^2 / 2 or
 * k3 = exp(l) - l - 1, l that of each token, clamped; with `counted`, by a weight of 0, and leaves the mask.
 *
 * @param trainer float32, one per token, log-probabilities under the trainer before its update
 * @param sampler float32, one per token, those that sampled
 * @param mask one per token
 * @returns weights (none for threshold `none`), 0 where `mask` is; the mask after rejection
 */
export function importanceCorrection(
  trainer: Ragged<Float32Array>,
  sampler: Ragged<Float32Array>,
  mask: Float32Array,
  settings: Importance,
): { weights: Float32Array | undefined; mask: Float32Array } {
  const { offsets } = trainer;
  const ratios = Float64Array.from(trainer.values, (x, t) => x - sampler.values[t]!);
  const clamped = ratios.map((l) => Math.min(Math.max(l, -20), 20));
  const drop = (counted: boolean, from: Float32Array): Float32Array =>
    settings.reject
      .filter((rule) => (rule.counted ?? false) === counted)
      .reduce((kept, rule) => rejected(clamped, offsets, mask, kept, rule), from);
  const weights = settings.threshold === 'none' ? undefined : weightsOf(ratios, offsets, mask, settings);
  const counted = settings.reject.some((rule) => rule.counted);
  return { weights: counted ? drop(true, weights ?? mask) : weights, mask: drop(false, mask) };
}

function weightsOf(
  ratios: Float64Array,
  offsets: Int32Array,
  mask: Float32Array,
  settings: Importance,
): Float32Array {
  const { level, normalize } = settings;
  const weights = new Float64Array(ratios.length);
  let sum = 0;
  let count = 0;
  for (const row of rowsOf(offsets)) {
    const tokens = row.filter((t) => mask[t]! > 0);
    if (tokens.length === 0) continue;
    const whole = tokens.reduce((total, t) => total + ratios[t]!, 0);
    for (const t of tokens) weights[t] = bounded(level === 'token' ? ratios[t]! : whole, settings);
    const counted = level === 'token' ? tokens : tokens.slice(0, 1);
    for (const t of counted) sum += weights[t]!;
    count += counted.length;
  }
  const mean = sum / count;
  return Float32Array.from(weights, (w) => (normalize && mean > 1e-8 ? w / mean : w));
}

function bounded(logRatio: number, { threshold, outside }: Importance): number {
  const weight = Math.exp(Math.min(Math.max(logRatio, -20), 20));
  if (threshold === 'unbounded') return weight;
  if (typeof threshold === 'number') return Math.min(weight, threshold);
  const [low, high] = threshold as readonly [number, number];
  if (outside === 'clamp') return Math.min(Math.max(weight, low), high);
  return weight >= low && weight <= high ? weight : 0;
}

function rejected(
  ratios: Float64Array,
  offsets: Int32Array,
  mask: Float32Array,
  kept: Float32Array,
  { use, keep }: Rejection,
): Float32Array {
  const [over, estimator] = use.split('-') as ['token' | 'sum' | 'mean' | 'max', 'k1' | 'k2' | 'k3'];
  const [low, high] = boundsOf(estimator, keep);
  const stays = (statistic: number): boolean => statistic >= low && statistic <= high;
  const result = kept.slice();
  for (const row of rowsOf(offsets)) {
    const tokens = row.filter((t) => mask[t]! > 0);
    const values = tokens.map((t) => estimate(estimator, ratios[t]!));
    if (over === 'token') {
      for (const [i, t] of tokens.entries()) if (!stays(values[i]!)) result[t] = 0;
    } else if (tokens.length > 0) {
      const sum = values.reduce((a, b) => a + b, 0);
      const statistic = { sum, mean: sum / tokens.length, max: values.reduce((a, b) => Math.max(a, b)) }[
        over
      ];
      if (!stays(statistic)) for (const t of tokens) result[t] = 0;
    }
  }
  return result;
}

function boundsOf(estimator: string, keep: Rejection['keep']): [number, number] {
  if (typeof keep !== 'number') return [Math.log(keep[0]), Math.log(keep[1])];
  return estimator === 'k1' ? [-Math.log(keep), Math.log(keep)] : [-Infinity, keep];
}

function estimate(estimator: 'k1' | 'k2' | 'k3', ratio: number): number {
  if (estimator === 'k1') return -ratio;
  return estimator === 'k2' ? (ratio * ratio) / 2 : Math.exp(ratio) - ratio - 1;
}

function* rowsOf(offsets: Int32Array): Generator<number[]> {
  for (let i = 0; i + 1 < offsets.length; i++) {
    yield Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, t) => offsets[i]! + t);
  }
}
