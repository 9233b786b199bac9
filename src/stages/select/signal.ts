import { z } from 'zod';
import { defineSelect, type Remark } from '../../core/stage.ts';
import { groupRows } from '../advantage/groups.ts';

/**
 * Rows of the groups in which not all responses are equally correct, in order.
 *
 * Source: dynamic sampling of DAPO, Yu et al., arXiv 2503.14476. It looks at correctness and not at the reward: a
 * shaped reward differs inside a group that has nothing to say about the task. A group of one has no signal.
 *
 * @param correct [rows]
 * @param groups int32 [rows]: rows with equal numbers answer the same prompt
 * @param most groups that are kept: the first ones
 */
export function rowsWithSignal(
  correct: ArrayLike<number>,
  groups: Int32Array,
  most = Number.POSITIVE_INFINITY,
): readonly number[] {
  const withSignal = groupRows(groups).filter((rows) => rows.some((i) => correct[i] !== correct[rows[0]!]));
  return withSignal
    .slice(0, most)
    .flat()
    .sort((i, j) => i - j);
}

export const signal = defineSelect({
  name: 'select/signal',
  summary:
    'Drops the prompts whose responses are all equally correct, and samples on until there are enough others where asked.',
  formula: 'keeps the groups in which correct is not the same everywhere',
  source: 'dynamic sampling of DAPO, Yu et al., arXiv 2503.14476',
  example: 'signal: { use: select/signal, refill: { groups: 32, rounds: 4 } }',
  params: z.strictObject({
    refill: z
      .strictObject({
        groups: z
          .int()
          .min(1)
          .describe('Prompts with signal that a step is to have; what is beyond is dropped.'),
        rounds: z
          .int()
          .min(2)
          .default(4)
          .describe(
            'Most rounds of sampling a step, the first one counted. With fewer prompts the step goes on.',
          ),
      })
      .optional()
      .describe('Sample on, other prompts, until enough have signal; without it what is left goes on.'),
  }),
  needs: () => ['row_id', 'group', 'correct'],
  rounds: ({ refill }) => refill?.rounds ?? 1,
  remarks: ({ refill }, { sampling, prompts = Infinity }) => {
    const remarks: Remark[] = [];
    if (sampling?.samples === 1) {
      remarks.push({
        code: 'setting/doubtful',
        parameter: [],
        message:
          'A prompt with a single response has nothing to tell apart: every one is dropped, and no step updates the policy.',
        help: 'Sample several responses (samples: 8), or leave this stage out.',
      });
    }
    if (refill && refill.groups > prompts * refill.rounds) {
      const { groups, rounds } = refill;
      remarks.push({
        code: 'setting/never',
        parameter: ['refill', 'groups'],
        message: `A step is to have ${groups} prompts with signal, and ${rounds} rounds of ${prompts} bring ${prompts * rounds} at most: it never has.`,
        help: `Set groups: to ${prompts} or so, or raise rounds: or the prompts of a step.`,
      });
    }
    return remarks;
  },
  create: ({ refill }, { notice }) => ({
    run: ({ row_id, group, correct }, { step, round }) => {
      const rows = rowsWithSignal(correct, group, refill?.groups);
      const keep = rows.map((i) => row_id[i]!);
      if (!refill) return { keep };
      const { groups, rounds } = refill;
      const found = new Set(rows.map((i) => group[i])).size;
      const again = found < groups && round + 1 < rounds;
      if (found < groups && !again) {
        notice(
          `Step ${step} goes on with ${found} prompts with signal, not ${groups}, after ${rounds} rounds.`,
        );
      }
      return { keep, again };
    },
  }),
});
