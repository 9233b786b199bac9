import type { Tensor } from '@tensorflow/tfjs';
import { RlevError } from '../../core/errors.ts';
import type { KlSpec } from '../../core/services.ts';
import { tf } from '../../engine/tf.ts';
import { detach, withoutGradient } from './detach.ts';
import { klPenalty } from './kl.ts';
import { logRatio, ownLogRatio } from './log-ratio.ts';
import type { AggregateParams, LossColumn, LossDefinition, LossOutputs } from './loss.ts';
import { meanOfRow } from './rows.ts';

/** What an update makes smaller: a loss, and what is added to it. */
export interface Objective {
  readonly loss: LossDefinition;
  readonly params: AggregateParams;
  /** Added: `coefficient` times an estimate of the KL from the reference. */
  readonly kl?: KlSpec | undefined;
  /** Taken off: this times the entropy of the distribution that is sampled. */
  readonly entropy?: number | undefined;
  /** Largest distance of a response from what sampled it at which tokens with an advantage below 0 have a loss. */
  readonly offPolicy?: number | undefined;
}

/** float32 [rows, tokens] each; absent where the objective does not read it. */
export interface ObjectiveInputs {
  readonly logprobs: Tensor;
  readonly mask: Tensor;
  readonly entropy: Tensor;
  readonly advantages?: Tensor | undefined;
  /** Absent, too, where the policy that trains is itself the one before the update. */
  readonly old?: Tensor | undefined;
  readonly ref?: Tensor | undefined;
  readonly sampled?: Tensor | undefined;
  readonly chosen?: Tensor | undefined;
  /** What the loss of each token, but neither KL nor entropy, is multiplied by. */
  readonly weights?: Tensor | undefined;
}

/** Whether log-probabilities under the policy before the update are read. */
export function readsOld(loss: LossDefinition, kl: KlSpec | undefined): boolean {
  return loss.needs.includes('oldLogprobs') || kl?.byRatio === true;
}

/** weights * loss + kl.coefficient * KL - entropy coefficient * entropy, at each token, and the metrics of each. */
export function objectivePerToken(objective: Objective, inputs: ObjectiveInputs): LossOutputs {
  const { loss, params, kl, entropy: bonus } = objective;
  const { logprobs, mask, entropy, old, ref, weights } = inputs;
  const needsOld = loss.needs.includes('oldLogprobs');
  const outputs = loss.perToken(
    {
      logprobs,
      mask,
      get oldLogprobs() {
        return needsOld ? (old ?? detach(logprobs)) : undeclared(loss, 'oldLogprobs');
      },
      get logRatio() {
        if (!needsOld) return undeclared(loss, 'oldLogprobs');
        return ratioOf(inputs);
      },
      get advantages() {
        return inputs.advantages ?? undeclared(loss, 'advantage');
      },
      get chosen() {
        return inputs.chosen ?? undeclared(loss, 'chosen');
      },
    },
    params,
  );
  const metrics: Record<string, Tensor> = { ...outputs.metrics, entropy };
  let total = weights ? tf.mul(outputs.loss, weights) : outputs.loss;
  if (objective.offPolicy !== undefined) {
    const kept = keptOnPolicy(objective.offPolicy, inputs);
    metrics.off_policy_fraction = tf.sub(1, kept);
    total = tf.mul(total, kept);
  }
  if (kl) {
    const estimate = klPenalty(kl.use, logprobs, ref!);
    metrics.kl = estimate;
    const added = kl.byRatio ? tf.mul(estimate, tf.exp(ratioOf(inputs))) : estimate;
    total = tf.add(total, tf.mul(added, kl.coefficient));
  }
  if (bonus) total = tf.sub(total, tf.mul(entropy, bonus));
  return { loss: total, metrics };
}

/**
 * Off-policy sequence masking (DeepSeek-V3.2, arXiv 2512.02556; TRL's `off_policy_mask_threshold`): 0 where the
 * advantage is below 0 and the mean over the response of log pi_sampler - log pi is above the bound, 1 elsewhere.
 */
function keptOnPolicy(bound: number, { logprobs, sampled, advantages, mask }: ObjectiveInputs): Tensor {
  return withoutGradient(
    (log, from, a) => {
      const left = tf.greater(meanOfRow(tf.sub(from, log), mask), bound);
      return tf.cast(tf.logicalNot(tf.logicalAnd(left, tf.less(a, 0))), 'float32');
    },
    logprobs,
    sampled!,
    advantages!,
  );
}

function ratioOf({ logprobs, old }: ObjectiveInputs): Tensor {
  return old ? logRatio(logprobs, old) : ownLogRatio(logprobs);
}

function undeclared(loss: LossDefinition, column: LossColumn | 'chosen'): never {
  throw new RlevError({
    code: 'stage/contract',
    message: `The loss ${loss.use} reads ${column} and does not declare it.`,
    help: column === 'chosen' ? 'Give it a function `choose`.' : `Add '${column}' to its needs.`,
  });
}
