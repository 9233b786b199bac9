import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups } from './groups.ts';
import { deviationsOf, presetParam, singletonParam } from './presets.ts';

/**
 * Dr. GRPO: A_i = R_i - mean over the responses to one prompt, which keeps s(x). To be the published estimator it
 * wants a loss with `aggregate: constant`. Equal rewards of a group give exactly 0.
 *
 * Source: Liu et al., "Understanding R1-Zero-like training", arXiv 2503.20783.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param singleton what a group of one gives: 0, or its reward (verl)
 * @returns float64 [rows]
 */
export const drGrpoAdvantages = centreGroups;

export const drGrpo = defineMap({
  name: 'advantage/dr-grpo',
  summary: 'Advantage of a response: its reward minus the mean of its group, divided by nothing.',
  formula: 'A_i = R_i - mean of its group',
  source: 'Liu et al., "Understanding R1-Zero-like training", arXiv 2503.20783',
  example: 'advantage: { use: advantage/dr-grpo }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf', 'trl'),
    singleton: singletonParam,
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: ({ preset, singleton = deviationsOf(preset).singleton }) => ({
    run: ({ group, reward, response_tokens }) => ({
      advantage: spreadOverTokens(drGrpoAdvantages(reward, group, singleton), response_tokens),
    }),
  }),
});
