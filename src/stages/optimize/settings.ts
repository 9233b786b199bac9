import { z } from 'zod';
import { RlevError } from '../../core/errors.ts';
import { foldIn, randomKey } from '../../core/random.ts';
import type { LossSpec, TrainMetrics, TrainRequest } from '../../core/services.ts';
import type { Remark, StageEvent, StageSetup, Surroundings, UpdateResult } from '../../core/stage.ts';
import { checkedLoss, type LossParams } from './loss-params.ts';

/** `{ use, ...parameters }`, as it stands in the pipeline file. */
export function lossSchema(use: string) {
  return z
    .looseObject({
      use: z.string().min(1).default(use).describe('The loss: its name, or `./my-loss.js#name`.'),
    })
    .prefault({})
    .describe('The loss, with its own parameters beside `use`.');
}

/** Parameters that every update of the policy takes. */
export const optimizerSettings = {
  adamw: z
    .strictObject({
      lr: z.number().gt(0).default(1e-4).describe('Learning rate at its highest.'),
      betas: z
        .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
        .default([0.9, 0.95])
        .describe('Decay of the running means of the gradient and of its square.'),
      eps: z.number().gt(0).default(1e-8).describe('Added to the root of the mean square.'),
      weightDecay: z.number().min(0).default(0).describe('Decay of matrices; vectors have none.'),
      gradNorm: z
        .union([z.number().gt(0), z.literal('none')])
        .default(1)
        .describe('Largest norm of the gradient over all parameters; or `none`.'),
    })
    .prefault({})
    .describe('AdamW.'),
  schedule: z
    .strictObject({
      use: z.enum(['constant', 'cosine', 'linear']).default('constant').describe('How the rate falls.'),
      warmup: z.int().min(0).default(0).describe('Steps over which the learning rate rises.'),
      floor: z
        .number()
        .min(0)
        .max(1)
        .default(0)
        .describe('Share of the learning rate that it falls to, after the last step.'),
    })
    .prefault({})
    .describe('The learning rate over the steps of the run.'),
  epochs: z.int().min(1).default(1).describe('Times that each cohort is gone through.'),
  miniBatches: z.int().min(1).default(1).describe('Optimizer updates an epoch.'),
};

/** What lint says of the settings of an update. */
export function settingsRemarks(
  { schedule: { use, warmup, floor } }: Pick<Settings, 'schedule'>,
  { steps }: Surroundings,
): Remark[] {
  const remarks: Remark[] = [];
  if (warmup >= steps) {
    remarks.push({
      code: 'setting/never',
      parameter: ['schedule', 'warmup'],
      message: `The learning rate rises for ${warmup} steps, and the run has ${steps}: it never comes to its highest, or only at the end.`,
      help: `Set warmup to a tenth of the steps or less, ${Math.floor(steps / 10)} here.`,
    });
  }
  if (use === 'constant' && floor > 0) {
    remarks.push({
      code: 'setting/no-effect',
      parameter: ['schedule', 'floor'],
      message: 'floor has no effect: a constant learning rate does not fall.',
      help: 'Take use: cosine or use: linear, or leave it out.',
    });
  }
  return remarks;
}

type Settings = z.infer<z.ZodObject<typeof optimizerSettings>> & { readonly loss: LossParams };
type Rows = Omit<TrainRequest, 'loss' | 'optimizer' | 'schedule' | 'epochs' | 'miniBatches' | 'key'>;

/** What trains on rows and publishes the weights as the next policy version. */
export type Update = (rows: Rows, event: StageEvent) => Promise<UpdateResult>;

/**
 * An update with these settings. It throws RlevError `run/non-finite` where a metric is not finite; nothing is
 * published then.
 *
 * @throws RlevError for a loss that is not there, or that does not take its parameters
 */
export async function updateWith(settings: Settings, setup: StageSetup): Promise<Update> {
  const loss = await checkedLoss(settings.loss, setup);
  return (rows, event) => update(rows, { ...settings, loss }, setup, event);
}

async function update(
  rows: Rows,
  settings: Omit<Settings, 'loss'> & { readonly loss: LossSpec },
  setup: StageSetup,
  event: StageEvent,
): Promise<UpdateResult> {
  const { trainer } = setup.policy();
  const metrics = await trainer.train(
    {
      ...rows,
      loss: settings.loss,
      ...optimizerOf(settings, setup),
      epochs: settings.epochs,
      miniBatches: settings.miniBatches,
      key: foldIn(randomKey(event.seed, 'optimize'), event.step, event.round),
    },
    event.signal,
  );
  requireFinite(metrics, event, setup);
  return { metrics, ...(await trainer.publish()) };
}

/** Optimizer and schedule as a trainer takes them. */
export function optimizerOf(
  { adamw, schedule }: Pick<Settings, 'adamw' | 'schedule'>,
  { steps }: Pick<StageSetup, 'steps'>,
): Pick<TrainRequest, 'optimizer' | 'schedule'> {
  const gradNorm = adamw.gradNorm === 'none' ? Infinity : adamw.gradNorm;
  return { optimizer: { ...adamw, gradNorm }, schedule: { ...schedule, total: steps } };
}

/** @throws RlevError `run/non-finite` with the metric and the step */
export function requireFinite(metrics: TrainMetrics, { step }: StageEvent, { place }: StageSetup): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (Number.isFinite(value)) continue;
    throw new RlevError({
      code: 'run/non-finite',
      message: `The update of step ${step} gave ${name} = ${value}.`,
      value,
      place,
      help: 'Lower adamw.lr, or look at the rewards and advantages of the step.',
    });
  }
}
