import type { Ragged } from '../../core/columns.ts';
import { type Importance, importanceCorrection } from './importance.ts';

/**
 * What is to be said of a sampler that is not the trainer, over the tokens that count, as verl does:
 *
 * - importance_mean, _std, _min, _max: of the weights as they are bounded, before they are normalised
 * - importance_ess: effective sample size as a share, mean(w)^2 / mean(w^2); 0 where all weights are
 * - importance_high, _low: share whose weight the bounds change, or would, lo being 1 / threshold where there is none
 * - sampler_kl: mean of log sampler - log trainer, an estimate of the KL of the trainer from the sampler
 *
 * @returns nothing where no token counts; for `unbounded` and `none` no importance_high and _low
 */
export function importanceMetrics(
  trainer: Ragged<Float32Array>,
  sampler: Ragged<Float32Array>,
  mask: Float32Array,
  settings: Importance,
): Record<string, number> {
  const counted = Array.from(mask.keys()).filter((t) => mask[t]! > 0);
  if (counted.length === 0) return {};
  const mean = (f: (t: number) => number): number =>
    counted.reduce((sum, t) => sum + f(t), 0) / counted.length;
  const metrics = { sampler_kl: mean((t) => sampler.values[t]! - trainer.values[t]!) };
  if (settings.threshold === 'none') return metrics;
  const weightsOf = (changes: Partial<Importance>): Float32Array =>
    importanceCorrection(trainer, sampler, mask, {
      ...settings,
      normalize: false,
      reject: [],
      ...changes,
    }).weights!;
  const weights = weightsOf({});
  const average = mean((t) => weights[t]!);
  const square = mean((t) => weights[t]! ** 2);
  const bounds = boundsOf(settings.threshold);
  const raw = bounds && weightsOf({ threshold: 'unbounded' });
  return {
    ...metrics,
    importance_mean: average,
    importance_std: Math.sqrt(mean((t) => (weights[t]! - average) ** 2)),
    importance_min: counted.reduce((least, t) => Math.min(least, weights[t]!), Infinity),
    importance_max: counted.reduce((most, t) => Math.max(most, weights[t]!), 0),
    importance_ess: square > 0 ? average ** 2 / square : 0,
    ...(raw && {
      importance_high: mean((t) => (raw[t]! > bounds[1] ? 1 : 0)),
      importance_low: mean((t) => (raw[t]! < bounds[0] ? 1 : 0)),
    }),
  };
}

function boundsOf(
  threshold: Exclude<Importance['threshold'], 'none'>,
): readonly [number, number] | undefined {
  if (threshold === 'unbounded') return undefined;
  return typeof threshold === 'number' ? [1 / threshold, threshold] : threshold;
}
