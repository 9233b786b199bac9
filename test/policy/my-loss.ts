import { z } from 'zod';
import { tf } from '../../src/engine/tf.ts';
import { aggregateParams, defineLoss } from '../../src/policy/losses/loss.ts';

/** A loss as a user writes one, in a module of its own. */
export const timesTwo = defineLoss({
  use: 'my/times-two',
  doc: 'twice the negative log-probability',
  needs: [],
  params: z.strictObject(aggregateParams),
  perToken: ({ logprobs }) => ({ loss: tf.mul(logprobs, -2), metrics: {} }),
});

export const notALoss = 3;
