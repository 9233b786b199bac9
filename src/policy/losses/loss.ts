import type { Tensor } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { RandomKey } from '../../core/random.ts';
import type { Aggregation } from '../../core/services.ts';
import type { Remark, Surroundings } from '../../core/stage.ts';

/**
 * What a loss sees of a micro-batch: float32 [rows, tokens] each, whole rows, padding filled with zeros.
 * `oldLogprobs` and `logRatio` are there for a loss that needs `oldLogprobs`, `advantages` for one that needs
 * `advantage`; reading them otherwise throws.
 */
export interface LossInputs {
  /** Under the policy that trains; the gradient flows through these alone. */
  readonly logprobs: Tensor;
  /** Under the policy before the update; no gradient. */
  readonly oldLogprobs: Tensor;
  /** log(pi / pi_old): `logprobs` less those before the update, clamped to +-20 with no gradient outside. */
  readonly logRatio: Tensor;
  readonly advantages: Tensor;
  /** 1 where a token counts. */
  readonly mask: Tensor;
  /** What `choose` made of the whole update; there for a loss that has it. */
  readonly chosen: Tensor;
}

/** All response tokens of a request, of which those of one update count; one number a token each. */
export interface UpdateTokens {
  /** Under the policy as it is before the update; 0 in rows of other updates. */
  readonly logprobs: Float32Array;
  readonly oldLogprobs: Float32Array;
  readonly advantages: Float32Array;
  /** Above 0 where a token counts. */
  readonly mask: Float32Array;
  /** For what is drawn. */
  readonly key: RandomKey;
}

export interface LossOutputs {
  /** float32 [rows, tokens]; what stands at masked positions must be finite and is not counted. */
  readonly loss: Tensor;
  /** Per-token numbers whose mean over counted tokens is reported. No gradient flows through them. */
  readonly metrics: Readonly<Record<string, Tensor>>;
}

/** Columns that a loss may ask of a batch. */
export type LossColumn = 'advantage' | 'oldLogprobs';

/** One loss: its parameters as in the pipeline file, and the loss of each token as a tensor function. */
export interface LossDefinition<P extends AggregateParams = AggregateParams> {
  readonly use: string;
  readonly doc: string;
  /** The loss of a token, and where it is from: for the catalogue. */
  readonly formula?: string;
  readonly source?: string;
  readonly params: z.ZodType<P>;
  readonly needs: readonly LossColumn[];
  /** Parameters that act only where the ratio to the policy before the update is not 1. */
  readonly ofRatio?: readonly string[];
  /** For `lint`: parameters that do something else here than they seem to. */
  remarks?(params: P, around: Surroundings): readonly Remark[];
  /**
   * A number for each token that depends on all tokens of an update, such as a rank, whatever the micro-batches: what
   * `chosen` is to `perToken`. For a loss that needs advantage and oldLogprobs; costs a forward pass an update.
   */
  choose?(tokens: UpdateTokens, params: P): Float32Array;
  perToken(inputs: LossInputs, params: P): LossOutputs;
}

/** Losses by the name that `use:` gives. An object to pass around and to spread into one's own. */
export type LossCatalogue = Readonly<Record<string, LossDefinition>>;

export interface AggregateParams {
  /** How the losses of tokens become one number. */
  readonly aggregate: Aggregation;
  /** Tokens a row is counted as by `constant`; ignored otherwise. */
  readonly length?: number | undefined;
  /** What rows of which no token counts are where rows are counted. Default: left out. */
  readonly masked?: 'left-out' | 'counted' | undefined;
}

/** The parameters that every loss takes; for one that is published with another aggregation, that as the default. */
export const aggregateParamsBy = (byDefault: Aggregation) => ({
  aggregate: z
    .enum(['token-mean', 'token-sum', 'seq-mean-token-sum', 'seq-mean-token-mean', 'constant'])
    .default(byDefault)
    .describe('how the losses of tokens become one number'),
  length: z.int().positive().optional().describe('tokens a row is counted as by `constant`'),
  masked: z
    .enum(['left-out', 'counted'])
    .default('left-out')
    .describe('responses of which no token counts: left out of their number, or counted, as in TRL'),
});

export const aggregateParams = aggregateParamsBy('token-mean');

/** How far a ratio may go: `clip: [lo, hi]` bounds it to 1 - lo .. 1 + hi; with lo of 1 or more, above only. */
export const clipParam = (byDefault: [number, number]) =>
  z
    .tuple([z.number().min(0), z.number().min(0)])
    .default(byDefault)
    .describe('how far the ratio may fall below 1 and rise above it');

/** `constant` says what it divides by. */
export const withLength = <P extends AggregateParams, S extends z.ZodType<P>>(schema: S): S =>
  schema.refine((params) => params.aggregate !== 'constant' || params.length !== undefined, {
    path: ['length'],
    message: 'aggregate: constant needs a length, the tokens it divides by for each row',
  });

/** A definition whose parameters are typed; the catalogue forgets the type. */
export function defineLoss<P extends AggregateParams>(definition: LossDefinition<P>): LossDefinition {
  return definition as unknown as LossDefinition;
}
