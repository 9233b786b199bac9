import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';
import { criticOf } from '../critic-of.ts';

/**
 * V(x, y_<t) for each response token y_t: the critic's value of the state in which the token is chosen, which is what
 * stands before it. So values[0] is that of the prompt alone, and what follows the last token has no entry:
 * advantage/gae takes 0 for it. (Where verl and TRL take their values.)
 *
 * The critic is exactly the one that was published with the policy that sampled the cohort: with several cohorts in
 * flight it is as old as that policy, whatever updates have come between, so the column depends on no timing.
 */
export const annotateValues = defineMap({
  name: 'annotate/values',
  summary: 'The critic’s value of each state in which a response token is chosen.',
  formula: 'V(x, y_<t): a linear head on the decoder’s last hidden state at the token before t',
  source:
    'Schulman et al., "Proximal policy optimization algorithms", arXiv 1707.06347; states as in verl and TRL',
  example: 'values: { use: annotate/values }',
  params: z.strictObject({}),
  needs: () => ['prompt_tokens', 'response_tokens'],
  adds: () => ['values'],
  readsWeights: () => 'critic',
  create: (_, setup) => ({
    run: async ({ prompt_tokens, response_tokens }, { policyVersion, signal }) => ({
      values: await criticOf(setup).values(
        { promptTokens: prompt_tokens, responseTokens: response_tokens, version: policyVersion },
        signal,
      ),
    }),
  }),
});
