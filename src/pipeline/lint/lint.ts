import { RlevError } from '../../core/errors.ts';
import {
  type Inspection,
  inspectFile,
  inspectPipeline,
  type LoadOptions,
  type Pipeline,
} from '../file/resolve.ts';
import { checkTests } from '../tests/check.ts';
import { inlineTests, readTests, type TestCase } from '../tests/read.ts';
import { untrainedCritic, unusedCritic } from './critic.ts';
import {
  evaluatesAsTraining,
  evaluatesSelection,
  evaluatesTrainingData,
  evaluationLacksColumns,
} from './evaluations.ts';
import { errorFindings, type Finding, sorted } from './finding.ts';
import { greedyMissing, greedyNotDropped, greedyUnread } from './greedy-rows.ts';
import { partsOf } from './parts.ts';
import { readFiles } from './read-files.ts';
import { ownRemarks } from './remarks.ts';
import type { Rule } from './rule.ts';
import { greedySampling, singleResponse, truncatedSampling } from './sampling.ts';
import { neverReached } from './steps.ts';
import { unreadColumns } from './unread.ts';
import { ratioWithoutEffect, updateWithoutRatio } from './updates.ts';
import { cancelledValues, failingScale, flatValues, saturatedValues, uniformValues } from './values.ts';

export interface LintOptions extends LoadOptions {
  /** True leaves data and policy unread. */
  readonly offline?: boolean;
  /** Ends it between one stage and the next, with the signal's reason. */
  readonly signal?: AbortSignal;
}

const rules: readonly Rule[] = [
  evaluationLacksColumns,
  singleResponse,
  greedySampling,
  truncatedSampling,
  cancelledValues,
  uniformValues,
  saturatedValues,
  flatValues,
  failingScale,
  updateWithoutRatio,
  ratioWithoutEffect,
  neverReached,
  ownRemarks,
  unreadColumns,
  greedyMissing,
  greedyNotDropped,
  greedyUnread,
  untrainedCritic,
  unusedCritic,
  evaluatesTrainingData,
  evaluatesAsTraining,
  evaluatesSelection,
];

/**
 * Everything that can be said of a pipeline file before it runs: errors, warnings and infos, sorted by place. Does not
 * throw for what is wrong with the file, the data or the policy. Of tests, in the pipeline or in a `*.test.yaml`, it
 * says what is wrong with them that can be told without running them.
 */
export async function lint(file: string, options: LintOptions): Promise<Finding[]> {
  try {
    if (/\.test\.ya?ml$/.test(file)) {
      return await lintTests(await readTests(file, options.catalogue), file, options);
    }
    const { catalogue, ...inspection } = await inspectFile(file, options);
    const findings = await lintInspection(inspection, file, { ...options, catalogue });
    const { pipeline, errors } = inspection;
    if (!pipeline || errors.length > 0) return findings;
    return sorted([...findings, ...(await lintTests(inlineTests(pipeline), file, options))]);
  } catch (error) {
    if (error instanceof RlevError) return errorFindings(error, { file });
    throw error;
  }
}

async function lintTests(
  tests: readonly TestCase[],
  file: string,
  { catalogue }: LintOptions,
): Promise<Finding[]> {
  const errors = await checkTests(tests, catalogue);
  return sorted(errors.flatMap((error) => errorFindings(error, { file })));
}

/** The same from text; `file` is where paths are relative to and what findings name. */
export async function lintText(text: string, file: string, options: LintOptions): Promise<Finding[]> {
  return lintInspection(inspectPipeline(text, file, options), file, options);
}

async function lintInspection(
  { pipeline, errors }: Inspection,
  file: string,
  options: LintOptions,
): Promise<Finding[]> {
  const structure = errors.flatMap((error) => errorFindings(error, { file }));
  return sorted([...structure, ...(pipeline ? await lintPipeline(pipeline, options) : [])]);
}

/** What can be said of a pipeline that is resolved, beyond its structure. */
export async function lintPipeline(
  pipeline: Pipeline,
  { catalogue, offline = false, signal }: Pick<LintOptions, 'catalogue' | 'offline' | 'signal'>,
): Promise<Finding[]> {
  const { parts, errors, broken } = await partsOf(pipeline.stages, pipeline.source);
  const files = offline
    ? { findings: [], training: undefined }
    : await readFiles(pipeline, { broken, signal });
  const context = {
    pipeline,
    alternatives: [...catalogue.values()],
    parts,
    data: files.training,
  };
  return sorted([
    ...errors.flatMap((error) => errorFindings(error, { file: pipeline.file })),
    ...files.findings,
    ...rules.flatMap((rule) => rule(context)),
  ]);
}
