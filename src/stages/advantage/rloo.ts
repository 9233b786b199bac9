import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';
import { centreGroups, groupRows } from './groups.ts';

/**
 * RLOO: A_i = R_i - mean of the other responses to the same prompt = (R_i - mean) * n / (n - 1).
 *
 * Source: Ahmadian et al., "Back to basics", arXiv 2402.14740. The baseline does not depend on the response, so the
 * gradient is unbiased, and s(x), constant inside a group, is kept. A group of one gives 0 (as TRL; verl's loop keeps R).
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @returns float64 [rows]
 */
export function rlooAdvantages(rewards: Float64Array, groups: Int32Array): Float64Array {
  const centred = centreGroups(rewards, groups);
  const advantages = new Float64Array(rewards.length);
  for (const rows of groupRows(groups)) {
    const n = rows.length;
    if (n === 1) continue;
    for (const i of rows) advantages[i] = (centred[i]! * n) / (n - 1);
  }
  return advantages;
}

export const rloo = defineMap({
  name: 'advantage/rloo',
  summary: 'Advantage of a response: its reward minus the mean of the other responses to the same prompt.',
  params: z.strictObject({}),
  needs: () => ['group', 'reward', 'response_tokens'],
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: () => ({
    run: ({ group, reward, response_tokens }) => ({
      advantage: spreadOverTokens(rlooAdvantages(reward, group), response_tokens),
    }),
  }),
});
