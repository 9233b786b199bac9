import { z } from 'zod';
import { defineSelect } from '../../core/stage.ts';
import { groupRows } from '../advantage/groups.ts';

/**
 * Rows of the groups in which not all responses are equally correct, in order.
 *
 * Source: dynamic sampling of DAPO, Yu et al., arXiv 2503.14476, without its refill. It looks at correctness and not
 * at the reward: a shaped reward differs inside a group that has nothing to say about the task. A group of one has no
 * signal.
 *
 * @param correct [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 */
export function rowsWithSignal(correct: ArrayLike<number>, groups: Int32Array): readonly number[] {
  const withSignal = groupRows(groups).filter((rows) => rows.some((i) => correct[i] !== correct[rows[0]!]));
  return withSignal.flat().sort((i, j) => i - j);
}

export const signal = defineSelect({
  name: 'select/signal',
  summary: 'Drops the prompts whose responses are all equally correct: they have nothing to tell apart.',
  formula: 'keeps the groups in which correct is not the same everywhere',
  source: 'dynamic sampling of DAPO, Yu et al., arXiv 2503.14476, without its refill',
  params: z.strictObject({}),
  needs: () => ['row_id', 'group', 'correct'],
  create: () => ({
    run: ({ row_id, group, correct }) => ({
      keep: rowsWithSignal(correct, group).map((i) => row_id[i]!),
    }),
  }),
});
