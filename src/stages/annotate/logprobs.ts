import { z } from 'zod';
import type { Columns, Ragged } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import type { ScoreRequest } from '../../core/services.ts';
import { defineMap } from '../../core/stage.ts';

const scored = ['old_logprobs', 'ref_logprobs'] as const;
const weightsOf: Record<(typeof scored)[number], ScoreRequest['weights']> = {
  old_logprobs: 'current',
  ref_logprobs: 'reference',
};

/** Log-probabilities by the trainer's own forward pass, of the responses as they are. */
export const annotateLogprobs = defineMap({
  name: 'annotate/logprobs',
  summary: 'Log-probabilities of the responses under the trainer before its update, or under the reference.',
  formula: 'log pi(y_t | x, y_<t) at the temperature that sampled',
  example: 'reference: { use: annotate/logprobs, add: [ref_logprobs] }',
  params: z.strictObject({
    add: z
      .array(z.enum(scored))
      .min(1)
      .refine((names) => new Set(names).size === names.length, 'each at most once')
      .default(['ref_logprobs'])
      .describe('What to add: `old_logprobs`, `ref_logprobs` or both.'),
  }),
  needs: () => ['prompt_tokens', 'response_tokens', 'temperature'],
  adds: ({ add }): readonly (typeof scored)[number][] => add,
  readsWeights: ({ add }) => (add.includes('old_logprobs') ? 'policy' : 'reference'),
  create: ({ add }, { policy, inFlight = 1, place }) => {
    if (add.includes('old_logprobs') && inFlight > 1) throw tooEarly(inFlight, place);
    const { scorer } = policy();
    return {
      run: async ({ prompt_tokens, response_tokens, temperature }, { signal }) => {
        const rows = { promptTokens: prompt_tokens, responseTokens: response_tokens, temperature };
        const columns: Record<string, Ragged<Float32Array>> = {};
        for (const name of add) {
          columns[name] = await scorer.score({ ...rows, weights: weightsOf[name] }, signal);
        }
        return columns as Columns<(typeof scored)[number]>;
      },
    };
  },
});

function tooEarly(inFlight: number, place: RlevError['place']): RlevError {
  return new RlevError({
    code: 'config/order',
    message: `With inFlight ${inFlight} other cohorts may update the policy between this stage and the update of its own, so old_logprobs would depend on timing.`,
    value: inFlight,
    ...(place && { place }),
    help: 'Take `old: current` of optimize/policy-gradient, which scores right before the update, or inFlight: 1.',
  });
}
