import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, deviation, groupRows, type Singleton } from './groups.ts';
import { deviationsOf, presetParam, singletonParam } from './presets.ts';

/**
 * RLOO: A_i = R_i - mean of the other responses to the same prompt = (R_i - mean) * n / (n - 1).
 *
 * Source: Ahmadian et al., "Back to basics", arXiv 2402.14740. The baseline does not depend on the response, so the
 * gradient is unbiased, and s(x), constant inside a group, is kept. Equal rewards of a group give exactly 0.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param singleton what a group of one gives: 0 (TRL, verl's vectorised form), or its reward (verl)
 * @returns float64 [rows]
 */
export function rlooAdvantages(
  rewards: Float64Array,
  groups: Int32Array,
  singleton: Singleton = 'zero',
): Float64Array {
  const advantages = centreGroups(rewards, groups, singleton);
  for (const rows of groupRows(groups)) {
    const n = rows.length;
    if (n > 1) for (const i of rows) advantages[i] = (advantages[i]! * n) / (n - 1);
  }
  return advantages;
}

/**
 * A / (sd + eps), sd that of the advantages of all responses of the batch, ddof 1: TRL's `normalize_advantages`. It
 * subtracts their mean first, which is 0 in every group; left out here, so that a group without signal stays at 0.
 *
 * @param advantages float64 [rows], of mean 0
 * @returns float64 [rows]
 */
export function normalizeOverBatch(advantages: Float64Array, eps: number): Float64Array {
  const sd = deviation(advantages);
  return sd === 0 ? advantages : advantages.map((a) => a / (sd + eps));
}

export const rloo = defineMap({
  name: 'advantage/rloo',
  summary: 'Advantage of a response: its reward minus the mean of the other responses to the same prompt.',
  formula: 'A_i = R_i - mean of the other responses to its prompt = (R_i - mean) n / (n - 1)',
  source: 'Ahmadian et al., "Back to basics", arXiv 2402.14740',
  example: 'advantage: { use: advantage/rloo }',
  params: z.strictObject({
    preset: presetParam('verl', 'openrlhf', 'trl'),
    normalize: z
      .boolean()
      .default(false)
      .describe('Divide by the standard deviation over all responses of the batch, as TRL can.'),
    eps: z
      .number()
      .min(0)
      .default(1e-4)
      .describe('Added to the standard deviation where advantages are normalised.'),
    singleton: singletonParam,
  }),
  needs: () => ['group', 'reward', 'response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: ({ normalize }) => (normalize ? 'batch-std' : 'nothing'),
  create: ({ preset, normalize, eps, singleton = deviationsOf(preset).singleton }) => ({
    run: ({ group, reward, response_tokens }) => {
      const raw = rlooAdvantages(reward, group, singleton);
      const perRow = normalize ? normalizeOverBatch(raw, eps) : raw;
      return { advantage: spreadOverTokens(perRow, response_tokens) };
    },
  }),
});
