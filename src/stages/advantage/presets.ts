import { z } from 'zod';
import type { Singleton } from './groups.ts';
import type { Holes } from './token-returns.ts';
import type { Whitening } from './whiten.ts';

/*
 * What systems do differently under the same name. A preset sets what a pipeline leaves open; a parameter that is
 * given wins. Without one: verl's numbers, but 0 for the only response to a prompt.
 */

/** Whose deviations an estimator takes. */
export type Source = 'verl' | 'openrlhf' | 'trl';

interface Deviations {
  /** Added to the standard deviation of a group or of the responses. */
  readonly eps: number;
  readonly singleton: Singleton;
  readonly whitening: Whitening;
  readonly holes: Holes;
}

const verlWhitening: Whitening = { eps: 1e-8, ddof: 1, floor: 0 };

const own: Deviations = { eps: 1e-6, singleton: 'zero', whitening: verlWhitening, holes: 'skipped' };

const presets: Readonly<Record<Source, Deviations>> = {
  verl: { ...own, singleton: 'reward', whitening: { ...verlWhitening, countEps: 1e-8 } },
  openrlhf: {
    eps: 1e-9,
    singleton: 'zero',
    whitening: { eps: 0, ddof: 0, floor: 1e-8 },
    holes: 'passed',
  },
  trl: { ...own, eps: 1e-4 },
};

export function deviationsOf(preset: Source | undefined): Deviations {
  return preset ? presets[preset] : own;
}

/** The whitening of a preset, where a pipeline's own eps wins. */
export function whiteningOf(preset: Source | undefined, eps: number | undefined): Whitening {
  const { whitening } = deviationsOf(preset);
  return eps === undefined ? whitening : { ...whitening, eps };
}

/** `preset`, of the sources that have the estimator. */
export function presetParam<const S extends Source>(...sources: readonly [S, ...S[]]) {
  return z
    .enum(sources)
    .optional()
    .describe('Take what this source does differently; parameters that are given win.');
}

export const singletonParam = z
  .enum(['zero', 'reward'])
  .optional()
  .describe('Advantage of the only response to a prompt: 0, or its reward. Default: zero; verl: reward.');

export const groupEpsParam = z
  .number()
  .min(0)
  .optional()
  .describe('Added to the standard deviation. Default: 1e-6; openrlhf: 1e-9, trl: 1e-4.');

/** What whitening divides by: the standard deviation of the batch, or nothing. */
export const whiteningStdParam = z
  .boolean()
  .default(true)
  .describe('Divide by the standard deviation of the batch; false subtracts its mean alone.');

export const whiteningEpsParam = z
  .number()
  .min(0)
  .optional()
  .describe('Added to the variance. Default: 1e-8; openrlhf: 0, the variance being at least 1e-8.');

export const lossMaskParam = z
  .boolean()
  .default(false)
  .describe('Count only the tokens that the column loss_mask marks; the others get 0.');

export const tokenRewardsParam = z
  .boolean()
  .default(false)
  .describe('Take the rewards of the column token_rewards, not reward on the last token.');
