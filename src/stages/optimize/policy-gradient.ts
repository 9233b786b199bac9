import { z } from 'zod';
import type { Columns, Ragged } from '../../core/columns.ts';
import { RlevError } from '../../core/errors.ts';
import type { Remark, StageEvent, StageSetup, Surroundings, UpdateResult } from '../../core/stage.ts';
import { defineUpdate } from '../../core/stage.ts';
import { criticRemarks, criticSchema, withCritic } from './critic.ts';
import { type Importance, importanceCorrection, importanceSchema } from './importance.ts';
import { importanceMetrics } from './importance-metrics.ts';
import { losses } from './losses.ts';
import { lossSchema, optimizerSettings, settingsRemarks, updateWith } from './settings.ts';

const noK1 =
  'k1+, abs, abs+, k2, k3 or k3+: in a loss the gradient of k1 is zero on average, which adds noise and no pull towards the reference; k1 belongs in the reward, with the stage reward/kl';

const policyGradientParams = z
  .strictObject({
    loss: lossSchema('loss/ppo-clip'),
    kl: z
      .strictObject({
        use: z
          .enum(['k1+', 'abs', 'abs+', 'k2', 'k3', 'k3+'], {
            error: ({ input }) => (input === 'k1' ? noK1 : undefined),
          })
          .default('k2')
          .describe('The estimate of the KL from one token; `+`: its value with the gradient of k2.'),
        coefficient: z.number().min(0).default(0.001).describe('What the KL is multiplied by.'),
        byRatio: z
          .boolean()
          .default(false)
          .describe('Weigh it by the ratio to the policy before the update, for later updates on a cohort.'),
      })
      .optional()
      .describe('KL divergence from the reference, added to the loss.'),
    entropy: z
      .strictObject({
        coefficient: z.number().min(0).describe('What the entropy is multiplied by.'),
      })
      .optional()
      .describe('Entropy of the distribution that is sampled, taken off the loss.'),
    old: z
      .enum(['sampled_logprobs', 'old_logprobs', 'current'])
      .optional()
      .describe(
        'What the ratio is to: those that sampled, a column of annotate/logprobs, or scored before the update.',
      ),
    reference: z
      .strictObject({
        every: z.int().min(1).describe('Steps after which the current weights become the reference.'),
        mixup: z
          .number()
          .gt(0)
          .max(1)
          .default(1)
          .describe('Share of the current weights in it, the rest being the reference before.'),
      })
      .optional()
      .describe('A reference that moves; without it, it stays where the run started.'),
    importance: importanceSchema
      .optional()
      .describe('Correct for a sampler that is not quite the trainer, by the ratio of old to sampled.'),
    offPolicy: z
      .number()
      .gt(0)
      .optional()
      .describe(
        'Leave tokens with an advantage below 0 out of responses that are this far from what sampled them.',
      ),
    topEntropy: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe('Share of the tokens of an update, those of the highest entropy, that have a loss.'),
    ...optimizerSettings,
    critic: criticSchema.optional(),
    lossMask: z
      .boolean()
      .default(false)
      .describe('Count only the response tokens that the column loss_mask marks.'),
  })
  .refine(({ importance, old }) => !importance || old !== 'sampled_logprobs', {
    path: ['old'],
    message:
      'old_logprobs or current beside importance, which weighs by the ratio of old to sampled log-probabilities',
  });

type Params = z.infer<typeof policyGradientParams>;

/**
 * One or several AdamW updates of the policy on a cohort and its advantages, then a publication.
 *
 * On policy, the log-probabilities that sampled are those under the policy before its update, so sampled_logprobs
 * stand for old_logprobs and no second forward pass is needed.
 */
export const policyGradient = defineUpdate({
  name: 'optimize/policy-gradient',
  summary: 'Updates the policy along the gradient of its log-probabilities, weighted by advantage.',
  formula:
    'AdamW on weight * loss + kl.coefficient * KL - entropy.coefficient * H, aggregated over the tokens of an update',
  source: 'AdamW: Loshchilov and Hutter, arXiv 1711.05101; each loss names its own',
  example: 'optimize: { use: optimize/policy-gradient, loss: { use: loss/ppo-clip }, adamw: { lr: 1e-4 } }',
  params: policyGradientParams,
  needs: (params): readonly Needed[] => {
    const { lossMask, kl, importance, offPolicy, critic } = params;
    const old = oldOf(params);
    return [
      ...always,
      ...(old === 'sampled_logprobs' || importance || offPolicy ? (['sampled_logprobs'] as const) : []),
      'advantage',
      ...(old === 'old_logprobs' ? (['old_logprobs'] as const) : []),
      ...(kl && kl.coefficient > 0 ? (['ref_logprobs'] as const) : []),
      ...(critic ? (['values', 'returns'] as const) : []),
      ...(lossMask ? (['loss_mask'] as const) : []),
    ];
  },
  parts: { loss: losses },
  remarks: (params, around) => [...settingsRemarks(params, around), ...policyRemarks(params, around)],
  updates: ({ epochs, miniBatches }) => epochs * miniBatches,
  trainsCritic: ({ critic }) => critic !== undefined,
  movesReference: ({ reference }) => reference !== undefined,
  unscaledTerms: ({ kl, entropy }) => [
    ...(kl && kl.coefficient > 0 ? ['kl'] : []),
    ...(entropy && entropy.coefficient > 0 ? ['entropy'] : []),
  ],
  create: async (params, setup) => {
    const { kl, entropy, reference, importance, offPolicy, topEntropy, critic, lossMask } = params;
    if (reference && (setup.inFlight ?? 1) > 1) throw movesTooSoon(setup);
    const steps = setup.steps - (critic?.warmup ?? 0);
    const update = await updateWith(params, { ...setup, steps });
    const run = async (columns: Columns<Needed>, event: StageEvent): Promise<UpdateResult> => {
      const old = await oldLogprobs(params, columns, setup, event);
      const rows = {
        promptTokens: columns.prompt_tokens,
        responseTokens: columns.response_tokens,
        temperature: columns.temperature,
        ...(old && { oldLogprobs: old }),
        advantage: columns.advantage,
        ...(kl && kl.coefficient > 0 && { kl, refLogprobs: columns.ref_logprobs }),
        ...(entropy && entropy.coefficient > 0 && { entropy: entropy.coefficient }),
        ...(reference && { referenceEvery: reference.every, referenceMixup: reference.mixup }),
        ...(topEntropy && { topEntropy }),
        ...(offPolicy && { offPolicy, sampledLogprobs: columns.sampled_logprobs }),
        ...(lossMask && { lossMask: columns.loss_mask }),
      };
      if (!importance) return update(rows, event);
      const corrected = correct(importance, old!, columns.sampled_logprobs, rows.lossMask);
      const result = await update({ ...rows, ...corrected.rows }, event);
      return { ...result, metrics: { ...result.metrics, ...corrected.metrics } };
    };
    return { run: critic ? withCritic({ critic, lossMask }, setup, run) : run };
  },
});

const always = ['prompt_tokens', 'response_tokens', 'temperature'] as const;

type Needed =
  | (typeof always)[number]
  | 'sampled_logprobs'
  | 'old_logprobs'
  | 'ref_logprobs'
  | 'advantage'
  | 'values'
  | 'returns'
  | 'loss_mask';

const oldOf = ({ old, importance }: Params): NonNullable<Params['old']> =>
  old ?? (importance ? 'old_logprobs' : 'sampled_logprobs');

function policyRemarks(params: Params, around: Surroundings): Remark[] {
  const { kl, entropy, old, importance, critic } = params;
  const { inFlight } = around;
  const remarks: Remark[] = critic ? criticRemarks(critic, around) : [];
  for (const [term, given] of Object.entries({ kl, entropy })) {
    if (given?.coefficient !== 0) continue;
    remarks.push({
      code: 'setting/no-effect',
      parameter: [term, 'coefficient'],
      message: `${term} has no effect: its coefficient is 0.`,
      help: `Leave ${term} out, or give it a coefficient such as 0.001.`,
    });
  }
  if (old === 'current' && inFlight > 1 && !importance) {
    remarks.push({
      code: 'setting/doubtful',
      parameter: ['old'],
      message: `With old: current the ratio is to the policy right before the update, and with inFlight ${inFlight} responses are up to ${inFlight - 1} older: what they were sampled by is not corrected for, so the gradient is biased.`,
      help: 'Take old: sampled_logprobs, or importance: {} beside it.',
    });
  }
  return remarks;
}

function movesTooSoon({ inFlight, place }: StageSetup): RlevError {
  return new RlevError({
    code: 'config/order',
    message: `With inFlight ${inFlight} cohorts are annotated while others update, so which of them see the moved reference would depend on timing.`,
    value: inFlight,
    place,
    help: 'Take inFlight: 1, or a reference that stays.',
  });
}

/** Undefined where the trainer itself is to take its policy before the update. */
async function oldLogprobs(
  params: Params,
  columns: Columns<Needed>,
  { policy }: StageSetup,
  { signal }: StageEvent,
): Promise<Ragged<Float32Array> | undefined> {
  const old = oldOf(params);
  if (old !== 'current') return columns[old];
  if (!params.importance) return undefined;
  const request = {
    promptTokens: columns.prompt_tokens,
    responseTokens: columns.response_tokens,
    temperature: columns.temperature,
    weights: 'current' as const,
  };
  return policy().scorer.score(request, signal);
}

/** Weights and mask of a request, and what there is to say about them. */
function correct(
  importance: Importance,
  old: Ragged<Float32Array>,
  sampled: Ragged<Float32Array>,
  lossMask: Ragged<Float32Array> | undefined,
) {
  const { offsets } = old;
  const before = lossMask?.values ?? new Float32Array(old.values.length).fill(1);
  const { weights, mask } = importanceCorrection(old, sampled, before, importance);
  const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);
  const tokens = Math.max(sum(before), 1);
  const masks = importance.reject.some(({ counted }) => !counted);
  return {
    rows: {
      ...(weights && { importanceWeights: { offsets, values: weights } }),
      ...(masks && { lossMask: { offsets, values: mask } }),
    },
    metrics: {
      ...importanceMetrics(old, sampled, before, importance),
      ...(masks && { rejected_fraction: 1 - sum(mask) / tokens }),
    },
  };
}
