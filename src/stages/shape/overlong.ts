import { z } from 'zod';
import { type Columns, rowLength } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';

interface OverlongLimits {
  readonly maxLength: number;
  readonly buffer: number;
  readonly penalty: number;
  readonly capped?: boolean;
}

/**
 * The penalty for a response of `length` tokens: 0 up to maxLength - buffer, from there falling in a straight line to
 * -penalty at maxLength; beyond it goes on falling, as in verl's code, or with `capped` stays there, as in the paper and
 * in OpenRLHF. Sampling with maxTokens of maxLength there is no beyond.
 *
 *     min(-(length - (maxLength - buffer)) / buffer, 0) * penalty
 *
 * Source: DAPO's soft overlong punishment, Yu et al., arXiv 2503.14476.
 */
export function overlongPenalty(
  length: number,
  { maxLength, buffer, penalty, capped = false }: OverlongLimits,
): number {
  const beyond = length - (maxLength - buffer);
  const over = capped ? Math.min(beyond, buffer) : beyond;
  return over > 0 ? (-over / buffer) * penalty : 0;
}

type Needed = 'reward' | 'scale' | 'response_tokens';

export const overlong = defineMap({
  name: 'shape/overlong',
  summary:
    'Takes from the reward of a response what it is too long, more and more towards the longest allowed.',
  formula: 'R + min(-(length - (maxLength - buffer)) / buffer, 0) * penalty',
  source: 'DAPO, Yu et al., arXiv 2503.14476',
  example: 'overlong: { use: shape/overlong, maxLength: 32, buffer: 8 }',
  params: z
    .strictObject({
      maxLength: z.int().min(1).describe('Tokens of the longest response: maxTokens of the rollout.'),
      buffer: z.int().min(1).describe('The last tokens of these in which the penalty grows.'),
      penalty: z.number().min(0).default(1).describe('What a response of maxLength tokens loses.'),
      capped: z
        .boolean()
        .default(false)
        .describe('A longer response loses no more than that: the paper and OpenRLHF; verl goes on.'),
      scaled: z
        .boolean()
        .default(false)
        .describe('Multiply the penalty by s(x), so that it weighs the same against any answer.'),
    })
    .refine(({ maxLength, buffer }) => buffer <= maxLength, {
      path: ['buffer'],
      message: 'buffer is part of maxLength and cannot be longer',
    }),
  needs: ({ scaled }): readonly Needed[] =>
    scaled ? ['reward', 'scale', 'response_tokens'] : ['reward', 'response_tokens'],
  derived: true,
  adds: () => ['reward'],
  replaces: () => ['reward'],
  remarks: ({ maxLength, buffer, penalty }, { sampling }) => {
    const free = maxLength - buffer;
    if (penalty === 0) {
      return [
        {
          code: 'setting/no-effect',
          parameter: ['penalty'],
          message: 'penalty 0 takes nothing off the reward.',
          help: 'Leave the stage out, or give a penalty such as 1.',
        },
      ];
    }
    if (!sampling || sampling.maxTokens > free) return [];
    return [
      {
        code: 'setting/never',
        parameter: ['maxLength'],
        message: `The penalty begins behind ${free} tokens (maxLength ${maxLength} less buffer ${buffer}), and responses are cut at ${sampling.maxTokens}: none is ever penalised.`,
        help: `Set maxLength: ${sampling.maxTokens}, the maxTokens of the rollout, and a buffer below it.`,
      },
    ];
  },
  create: (params) => ({
    run: ({ reward, scale, response_tokens }: Columns<Needed>) => ({
      reward: reward.map(
        (r, i) =>
          r + (params.scaled ? scale[i]! : 1) * overlongPenalty(rowLength(response_tokens, i), params),
      ),
    }),
  }),
});
