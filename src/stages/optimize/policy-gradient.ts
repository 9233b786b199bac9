import { z } from 'zod';
import type { Columns } from '../../core/columns.ts';
import { defineUpdate } from '../../core/stage.ts';
import { losses } from './losses.ts';
import { lossSchema, optimizerSettings, updateWith } from './settings.ts';

/**
 * One or several AdamW updates of the policy on a cohort and its advantages, then a publication.
 *
 * On policy, the log-probabilities that sampled are those under the policy before its update, so sampled_logprobs
 * stand for old_logprobs and no second forward pass is needed.
 */
export const policyGradient = defineUpdate({
  name: 'optimize/policy-gradient',
  summary: 'Updates the policy along the gradient of its log-probabilities, weighted by advantage.',
  params: z.strictObject({
    loss: lossSchema('loss/ppo-clip'),
    ...optimizerSettings,
    lossMask: z
      .boolean()
      .default(false)
      .describe('Count only the response tokens that the column loss_mask marks.'),
  }),
  needs: ({ lossMask }): readonly Needed[] => [...always, ...(lossMask ? (['loss_mask'] as const) : [])],
  parts: { loss: losses },
  updates: ({ epochs, miniBatches }) => epochs * miniBatches,
  create: async (params, setup) => {
    const update = await updateWith(params, setup);
    return {
      run: (columns: Columns<Needed>, event) =>
        update(
          {
            promptTokens: columns.prompt_tokens,
            responseTokens: columns.response_tokens,
            temperature: columns.temperature,
            oldLogprobs: columns.sampled_logprobs,
            advantage: columns.advantage,
            ...(params.lossMask && { lossMask: columns.loss_mask }),
          },
          event,
        ),
    };
  },
});

const always = ['prompt_tokens', 'response_tokens', 'temperature', 'sampled_logprobs', 'advantage'] as const;

type Needed = (typeof always)[number] | 'loss_mask';
