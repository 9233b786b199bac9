import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';

export const maskTruncated = defineMap({
  name: 'shape/mask-truncated',
  summary:
    'Leaves responses that were cut at their longest out of the loss: loss_mask 0 for all their tokens.',
  formula: 'loss_mask = 0 for all tokens where finish is `length`, else 1',
  source: 'overlong filtering of DAPO, Yu et al., arXiv 2503.14476',
  example: 'truncated: { use: shape/mask-truncated }',
  params: z.strictObject({}),
  needs: () => ['finish', 'response_tokens'],
  derived: true,
  adds: () => ['loss_mask'],
  create: () => ({
    run: ({ finish, response_tokens }) => ({
      loss_mask: spreadOverTokens(
        finish.map((how) => (how === 'length' ? 0 : 1)),
        response_tokens,
      ),
    }),
  }),
});
