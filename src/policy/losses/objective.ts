import type { Tensor } from '@tensorflow/tfjs';
import { RlevError } from '../../core/errors.ts';
import type { KlSpec } from '../../core/services.ts';
import { tf } from '../../engine/tf.ts';
import { detach } from './detach.ts';
import { klPenalty } from './kl.ts';
import { logRatio, ownLogRatio } from './log-ratio.ts';
import type { AggregateParams, LossColumn, LossDefinition, LossOutputs } from './loss.ts';

/** What an update makes smaller: a loss, and what is added to it. */
export interface Objective {
  readonly loss: LossDefinition;
  readonly params: AggregateParams;
  /** Added: `coefficient` times an estimate of the KL from the reference. */
  readonly kl?: KlSpec | undefined;
  /** Taken off: this times the entropy of the distribution that is sampled. */
  readonly entropy?: number | undefined;
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
  /** What the loss of each token, but neither KL nor entropy, is multiplied by. */
  readonly weights?: Tensor | undefined;
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
        return old ? logRatio(logprobs, old) : ownLogRatio(logprobs);
      },
      get advantages() {
        return inputs.advantages ?? undeclared(loss, 'advantage');
      },
    },
    params,
  );
  const metrics: Record<string, Tensor> = { ...outputs.metrics, entropy };
  let total = weights ? tf.mul(outputs.loss, weights) : outputs.loss;
  if (kl) {
    metrics.kl = klPenalty(kl.use, logprobs, ref!);
    total = tf.add(total, tf.mul(metrics.kl, kl.coefficient));
  }
  if (bonus) total = tf.sub(total, tf.mul(entropy, bonus));
  return { loss: total, metrics };
}

function undeclared(loss: LossDefinition, column: LossColumn): never {
  throw new RlevError({
    code: 'stage/contract',
    message: `The loss ${loss.use} reads ${column} and does not declare it.`,
    help: `Add '${column}' to its needs.`,
  });
}
