import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, type Singleton } from './groups.ts';
import { deviationsOf, presetParam, singletonParam } from './presets.ts';

/**
 * GPG: A_i = alpha * (R_i - mean of its group), alpha = N / number of the N rewards of the batch that are not 0.
 *
 * Source: Chu et al., "GPG", arXiv 2504.02546. No deviation is divided by, so s(x) is kept. Equal rewards of a group
 * give exactly 0. Shaping makes rewards of wrong answers other than 0, and then alpha counts them.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param singleton what a group of one gives: 0, or alpha times its reward (verl)
 * @param norm what all is divided by: verl's f_norm
 * @returns float64 [rows]
 */
export function gpgAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  singleton: Singleton = 'zero',
  norm = 1,
): Float64Array {
  const nonZero = rewards.reduce((n, r) => n + (r === 0 ? 0 : 1), 0);
  const alpha = rewards.length / Math.max(nonZero, 1) / norm;
  return centreGroups(rewards, groups, singleton).map((a) => alpha * a);
}

export const gpg = defineMap({
  name: 'advantage/gpg',
  summary:
    'Advantage of a response: its reward minus the mean of its group, over the share of rewards not 0.',
  formula: 'A_i = (R_i - mean of its group) * N / (number of the N rewards of the batch that are not 0)',
  source: 'Chu et al., "GPG", arXiv 2504.02546',
  example: 'advantage: { use: advantage/gpg }',
  params: z.strictObject({
    preset: presetParam('verl'),
    norm: z.number().gt(0).default(1).describe('What all is divided by; f_norm of verl.'),
    singleton: singletonParam,
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: ({ preset, norm, singleton = deviationsOf(preset).singleton }) => ({
    run: ({ group, reward, response_tokens }) => ({
      advantage: spreadOverTokens(gpgAdvantages(reward, group, singleton, norm), response_tokens),
    }),
  }),
});
