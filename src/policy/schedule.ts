import type { ScheduleSpec } from '../core/services.ts';

/**
 * The learning rate of a step, counted from 1 to `total`. Over the first `warmup` steps it rises linearly, from
 * lr / warmup to lr; then it stays (`constant`) or falls (`linear`, `cosine`) to floor * lr at the last step, and
 * keeps to that beyond. A run of a single step takes it at lr.
 */
export function learningRate(schedule: ScheduleSpec, lr: number, step: number): number {
  const { use, warmup, total, floor } = schedule;
  if (step <= warmup) return (lr * step) / warmup;
  if (use === 'constant') return lr;
  const top = Math.max(warmup, 1);
  const progress = Math.min(1, (step - top) / Math.max(total - top, 1));
  const share = use === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return lr * (floor + (1 - floor) * share);
}
