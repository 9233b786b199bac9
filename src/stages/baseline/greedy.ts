import { z } from 'zod';
import { RlevError } from '../../core/errors.ts';
import { defineMap } from '../../core/stage.ts';

/**
 * The reward of the greedy response to each row's prompt.
 *
 * @param rewards float64 [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param roles [rows]: `greedy` for one response of each group
 * @returns float64 [rows]
 * @throws RlevError `stage/contract` for a prompt without a greedy response, or with two
 */
export function greedyRewards(
  rewards: Float64Array,
  groups: Int32Array,
  roles: readonly string[],
): Float64Array {
  const greedy = new Map<number, number>();
  roles.forEach((role, i) => {
    if (role !== 'greedy') return;
    if (greedy.has(groups[i]!)) throw wrong(`Two responses to prompt ${groups[i]} are greedy.`, groups[i]);
    greedy.set(groups[i]!, rewards[i]!);
  });
  return Float64Array.from(groups, (group) => {
    const reward = greedy.get(group);
    if (reward === undefined) throw wrong(`No response to prompt ${group} is greedy.`, group);
    return reward;
  });
}

function wrong(message: string, value: unknown): RlevError {
  return new RlevError({
    code: 'stage/contract',
    message,
    value,
    help: 'It needs one row of each group with the role greedy: rollout/policy with greedy: true.',
  });
}

export const greedyBaseline = defineMap({
  name: 'baseline/greedy',
  summary: 'Reward of the greedy response to the same prompt, as the baseline of ReMax.',
  formula: 'b(x) = reward of the greedy response to x',
  source: 'Li et al., "ReMax", arXiv 2310.10505',
  example: 'baseline: { use: baseline/greedy }',
  params: z.strictObject({}),
  needs: () => ['group', 'role', 'reward'],
  readsGreedy: () => true,
  derived: true,
  adds: () => ['baseline_reward'],
  create: () => ({
    run: ({ group, role, reward }) => ({ baseline_reward: greedyRewards(reward, group, role) }),
  }),
});
