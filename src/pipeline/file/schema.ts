import { z } from 'zod';
import { objectsIn } from '../../core/schema-keys.ts';
import { testSchema } from '../tests/test-schema.ts';

const count = z.int().min(1);

/** The keys of `policy:`. Paths are relative to the file. */
const policySchema = z.strictObject({
  from: z
    .string()
    .optional()
    .meta({ path: 'folder' })
    .describe('a Hugging Face directory: config.json, *.safetensors, tokenizer.json'),
  init: z
    .strictObject({
      hidden: count.describe('width of the residual stream'),
      layers: count.describe('decoder layers'),
      heads: count.describe('query heads; hidden is divided among them'),
      kvHeads: count.optional().describe('key and value heads, a divisor of heads; default: heads'),
      intermediate: count.describe('width inside the SwiGLU feed-forward layer'),
      context: count.describe('tokens of prompt and response together that the model can read'),
      std: z.number().positive().default(0.02).describe('standard deviation of the random weights'),
      seed: z.int().min(0).default(0).describe('seed of the random weights'),
    })
    .optional()
    .describe('a policy with random weights, instead of `from`'),
  tokenizer: z.string().optional().meta({ path: 'folder' }).describe('folder of the tokenizer, with `init`'),
  engine: z
    .strictObject({
      use: z
        .enum(['onnx', 'tensorflow', 'tensorflow-gpu', 'reference'])
        .default('onnx')
        .describe(
          'onnx: compiled; tensorflow, tensorflow-gpu: to be installed; reference: plain JavaScript, slow',
        ),
      device: z.enum(['cpu', 'webgpu', 'cuda']).default('cpu').describe('of the onnx engine'),
      threads: count.optional().describe('threads of the onnx engine; default: one a core'),
    })
    .prefault({})
    .describe('what runs the tensor programs'),
  critic: z
    .strictObject({
      from: z
        .string()
        .optional()
        .meta({ path: 'folder' })
        .describe(
          'what it begins with: a Hugging Face directory, of a language model or with a value head; default: the policy',
        ),
    })
    .optional()
    .describe('a model of the return, trained beside the policy; absent: none'),
  tokenBudget: count.optional().describe('tokens of one training micro-batch, padding included'),
  maxRows: z.int().min(2).optional().describe('responses decoded side by side'),
});

/** The pipeline file without the parameters of its stages, which the catalogue checks. */
export const pipelineSchema = z.strictObject({
  rlev: z.literal(1).describe('version of the format'),
  extends: z
    .string()
    .optional()
    .describe('a pipeline that this one changes: maps merge key by key, stages by id'),
  base: z.string().default('.').describe('folder that paths are relative to, itself relative to the file'),
  run: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9][\w.-]*$/, 'a name of letters, digits, `.`, `_` and `-`')
        .optional()
        .describe('name of the run directory; default: the name of the file'),
      steps: count.describe('training steps: cohorts consumed'),
      seed: z.int().min(0).default(0).describe('seed of all randomness'),
      inFlight: z
        .int()
        .min(1)
        .max(64)
        .default(1)
        .describe(
          'cohorts under way at once: cohort n is sampled by policy max(0, n - inFlight + 1); 1 is on-policy',
        ),
      checkpoint: z
        .strictObject({
          every: count.optional().describe('steps between checkpoints; the last step always has one'),
          keep: count.default(2).describe('checkpoints that stay'),
        })
        .prefault({})
        .describe('when the policy is saved'),
      record: z
        .enum(['all', 'lean'])
        .default('all')
        .describe(
          'columns that are kept: all, or without those that follow from others, such as rewards and advantages',
        ),
    })
    .describe('length, seed and name of the run'),
  policy: policySchema.optional().describe('the language model; may be absent where no stage needs one'),
  stages: z.record(z.string(), z.looseObject({ use: z.string().describe('name of the stage') })),
  evaluate: z
    .record(
      z.string(),
      z.strictObject({
        every: count
          .optional()
          .describe('steps between evaluations; also before the first and after the last'),
        through: z.string().describe('id of the last stage that takes part'),
        stages: z
          .record(z.string(), z.union([z.looseObject({ use: z.string().optional() }), z.literal('remove')]))
          .default({}),
      }),
    )
    .default({}),
  tests: z.array(testSchema).default([]).describe('tests of the stages, for `rlev test`'),
});

export type PipelineFile = z.infer<typeof pipelineSchema>;
export type PolicySection = z.infer<typeof policySchema>;

/** Parameters that are paths of a file or a folder, as their schemas declare it: `.meta({ path: 'file' })`. */
export function pathKeys(schema: z.core.$ZodType): string[] {
  const [object] = objectsIn(schema);
  if (!object) return [];
  return Object.entries(object._zod.def.shape)
    .filter(([, value]) => z.globalRegistry.get(value)?.path !== undefined)
    .map(([key]) => key);
}
