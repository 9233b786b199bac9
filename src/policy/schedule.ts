import type { ScheduleSpec } from '../core/services.ts';

/**
 * The learning rate of a step, counted from 1 to `total`. Over the first `warmup` steps it rises linearly, from
 * lr / warmup to lr; then it stays (`constant`) or falls (`linear`, `cosine`) towards floor * lr, which it would reach
 * at the step after the last, so that no step of a run is without effect. It keeps to that beyond.
 *
 * Source: get_linear_schedule_with_warmup and get_cosine_schedule_with_warmup of transformers, which verl and TRL take;
 * without warmup the rates are theirs. Their warmup begins with a step at 0, which would be one without effect too.
 */
export function learningRate(schedule: ScheduleSpec, lr: number, step: number): number {
  const { use, warmup, total, floor } = schedule;
  if (step <= warmup) return (lr * step) / warmup;
  if (use === 'constant') return lr;
  const top = Math.max(warmup, 1);
  const progress = Math.min(1, (step - top) / Math.max(total + 1 - top, 1));
  const share = use === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return lr * (floor + (1 - floor) * share);
}
