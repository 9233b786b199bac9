import { z } from 'zod';
import { spreadOverTokens } from '../../core/columns.ts';
import { defineMap } from '../../core/stage.ts';

export const constant = defineMap({
  name: 'advantage/constant',
  summary: 'The same advantage for every token, whatever the reward: for smoke tests.',
  formula: 'A_t = value',
  source: 'the constant advantage that prime-rl #3521 asks for',
  example: 'advantage: { use: advantage/constant, value: 1 }',
  params: z.strictObject({
    value: z.number().default(1).describe('The advantage of every response token.'),
  }),
  needs: () => ['response_tokens'],
  derived: true,
  adds: () => ['advantage'],
  dividesBy: () => 'nothing',
  create: ({ value }) => ({
    run: ({ response_tokens }) => {
      const rows = response_tokens.offsets.length - 1;
      return { advantage: spreadOverTokens(new Float64Array(rows).fill(value), response_tokens) };
    },
  }),
});
