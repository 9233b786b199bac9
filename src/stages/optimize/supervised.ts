import { z } from 'zod';
import { defineUpdate } from '../../core/stage.ts';
import { losses } from './losses.ts';
import { lossSchema, optimizerSettings, settingsRemarks, updateWith } from './settings.ts';

export const supervised = defineUpdate({
  name: 'optimize/supervised',
  summary: 'Updates the policy towards the responses as they stand.',
  formula: 'AdamW on -log pi of the responses',
  source: 'AdamW: Loshchilov and Hutter, arXiv 1711.05101',
  example: 'optimize: { use: optimize/supervised, adamw: { lr: 1e-3 } }',
  params: z.strictObject({ loss: lossSchema('loss/cross-entropy'), ...optimizerSettings }),
  needs: () => ['prompt_tokens', 'response_tokens', 'temperature'],
  parts: { loss: losses },
  remarks: (params, around) => settingsRemarks(params, around),
  updates: ({ epochs, miniBatches }) => epochs * miniBatches,
  create: async (params, setup) => {
    const update = await updateWith(params, setup);
    return {
      run: ({ prompt_tokens, response_tokens, temperature }, event) =>
        update({ promptTokens: prompt_tokens, responseTokens: response_tokens, temperature }, event),
    };
  },
});
