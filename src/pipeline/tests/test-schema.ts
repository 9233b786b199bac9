import { z } from 'zod';

/** One test of a pipeline, under `tests:`. */
export const testSchema = z.strictObject({
  name: z.string().min(1).describe('what it says, as a sentence'),
  stage: z
    .string()
    .min(1)
    .describe('id of the stage that is tested, or `from/to` for all from one to another'),
  rows: z
    .union([z.string(), z.array(z.record(z.string(), z.unknown())).min(1)])
    .optional()
    .describe(
      'what goes in: columns by name, one map a row; or a .jsonl or .arrow file; or RUN@STEP/STAGE, as the rows stood behind it. None for a source',
    ),
  step: z.int().min(0).default(0).describe('training step that it is'),
  set: z.array(z.string()).default([]).describe('overrides, as of --set: `stages.reward.alpha=5`'),
  expect: z
    .record(z.string(), z.unknown())
    .describe(
      'columns by name: one cell a row, or one for all; `~0.33` within 1e-6, `{ above: 0 }` and the like. `rows`: how many. `error`: a code, `message`: part of it',
    ),
});

/** A file of tests beside a pipeline. */
export const testFileSchema = z.strictObject({
  pipeline: z.string().describe('the pipeline file, relative to this one'),
  set: z.array(z.string()).default([]).describe('overrides for all tests of the file'),
  tests: z.array(testSchema).min(1),
});

export type TestSpec = z.infer<typeof testSchema>;
