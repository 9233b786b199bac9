import { z } from 'zod';
import type { Columns, Ragged } from '../../core/columns.ts';
import { foldIn, randomKey } from '../../core/random.ts';
import type { Remark, StageEvent, StageSetup, Surroundings, UpdateResult } from '../../core/stage.ts';
import { criticOf } from '../critic-of.ts';
import { optimizerOf, optimizerSettings, requireFinite, settingsRemarks } from './settings.ts';

/** How a critic is trained beside the policy. */
export const criticSchema = z
  .strictObject({
    clip: z
      .union([z.number().gt(0), z.literal('none')])
      .default(0.2)
      .describe('How far a value may move on a cohort before its gradient stops; or `none`.'),
    aggregate: z
      .enum(['token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean'])
      .default('token-mean')
      .describe('How the losses of tokens become one number.'),
    warmup: z
      .int()
      .min(0)
      .default(0)
      .describe('Steps at the beginning of the run in which the critic alone learns.'),
    ...optimizerSettings,
  })
  .describe('Train the critic on the returns, with an optimizer of its own, before the policy.');

export type CriticParams = z.infer<typeof criticSchema>;

const needed = ['prompt_tokens', 'response_tokens', 'values', 'returns', 'loss_mask'] as const;
type Needed = (typeof needed)[number];

export type Update<C> = (columns: C, event: StageEvent) => Promise<UpdateResult>;

/**
 * An update of the policy with one of the critic before it. Both are published as one version. In the steps of the
 * warm-up the policy is published as it is.
 *
 * Metrics are those of the policy, `critic_<metric>`, and `explained_variance`: how well the values foretold the returns
 * before the critic has seen them.
 */
export function withCritic<C extends Columns<Needed>>(
  { critic, lossMask }: { readonly critic: CriticParams; readonly lossMask: boolean },
  setup: StageSetup,
  update: Update<C>,
): Update<C> {
  return async (columns, event) => {
    const { prompt_tokens, response_tokens, values, returns, loss_mask } = columns;
    const { clip, aggregate, epochs, miniBatches } = critic;
    const learnt = await criticOf(setup).train(
      {
        promptTokens: prompt_tokens,
        responseTokens: response_tokens,
        values,
        returns,
        ...(lossMask && { lossMask: loss_mask }),
        ...(clip !== 'none' && { clip }),
        aggregate,
        epochs,
        miniBatches,
        ...optimizerOf(critic, setup),
        key: foldIn(randomKey(event.seed, 'critic'), event.step, event.round),
      },
      event.signal,
    );
    const explained = explainedVariance(values, returns, lossMask ? loss_mask : undefined);
    const metrics = {
      ...Object.fromEntries(Object.entries(learnt).map(([name, value]) => [`critic_${name}`, value])),
      ...(explained !== undefined && { explained_variance: explained }),
    };
    requireFinite(metrics, event, setup);
    const result =
      event.step < critic.warmup
        ? { metrics: {}, ...(await setup.policy().trainer.publish()) }
        : await update(columns, event);
    return { ...result, metrics: { ...result.metrics, ...metrics } };
  };
}

/**
 * 1 - Var(R - V) / Var(R) over counted tokens, both divided by n: 1 where V foretells the returns R exactly, 0 where it
 * does no better than their mean, below 0 where it does worse. In float64.
 *
 * @returns undefined where the returns do not vary
 */
export function explainedVariance(
  values: Ragged<Float32Array>,
  returns: Ragged<Float32Array>,
  mask?: Ragged<Float32Array>,
): number | undefined {
  const counted = Array.from(values.values.keys()).filter((t) => !mask || mask.values[t]! > 0);
  const total = variance(counted.map((t) => returns.values[t]!));
  if (!(total > 0)) return undefined;
  return 1 - variance(counted.map((t) => returns.values[t]! - values.values[t]!)) / total;
}

function variance(numbers: readonly number[]): number {
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  return numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length;
}

/** What lint says of the settings of a critic. */
export function criticRemarks(critic: CriticParams, around: Surroundings): Remark[] {
  const { clip, epochs, miniBatches, warmup } = critic;
  const remarks: Remark[] = settingsRemarks(critic, around).map((remark) => ({
    ...remark,
    parameter: ['critic', ...remark.parameter],
  }));
  if (clip !== 'none' && epochs * miniBatches === 1 && around.inFlight === 1) {
    remarks.push({
      code: 'setting/no-effect',
      parameter: ['critic', 'clip'],
      message:
        'clip of the critic has no effect: with one update on each cohort and inFlight 1, values have not moved from those that it keeps them near.',
      help: 'Nothing is wrong. It acts from epochs: 2, miniBatches: 2 or inFlight: 2 on.',
    });
  }
  if (warmup >= around.steps) {
    remarks.push({
      code: 'setting/never',
      parameter: ['critic', 'warmup'],
      message: `The critic alone learns for ${warmup} steps, and the run has ${around.steps}: the policy never changes.`,
      help: `Set warmup to a tenth of the steps or less, ${Math.floor(around.steps / 10)} here.`,
    });
  }
  return remarks;
}
