import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve as resolvePath } from 'node:path';
import { stringify } from 'yaml';
import { type Place, RlevError, RlevErrors } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { compose } from './compose.ts';
import { checkCritic } from './critic.ts';
import type { Environment } from './environment.ts';
import { findings } from './findings.ts';
import { checkEvaluation, checkFlow } from './flow.ts';
import type { Located } from './located.ts';
import { override } from './override.ts';
import { ownStages } from './own-stages.ts';
import {
  type PlacedStage,
  type ResolvedBranch,
  type Resolving,
  requireStages,
  resolveBranch,
  resolveStages,
  withPathsOf,
} from './resolve-stage.ts';
import { type PipelineFile, type PolicySection, pipelineSchema } from './schema.ts';
import { pipelineData } from './to-yaml.ts';

export type { PlacedStage, ResolvedBranch, ResolvedStage } from './resolve-stage.ts';

/** A pipeline file, read, overridden and checked: everything that a run needs to know. */
export interface Pipeline {
  readonly file: string;
  /** Absolute folder that its paths are relative to. */
  readonly base: string;
  readonly name: string;
  readonly run: PipelineFile['run'];
  readonly policy: PolicySection | undefined;
  readonly policyPlace: Place;
  readonly stages: readonly PlacedStage[];
  readonly evaluate: readonly ResolvedBranch[];
  /** What was changed in silence, each in one sentence: parameters dropped by a swap. */
  readonly notices: readonly string[];
  /** What `rlev test` runs. */
  readonly tests: PipelineFile['tests'];
  /** The file as it was read, with what it extends and overrides laid over it, and where each part of it stands. */
  readonly source: Located;
  /** The resolved pipeline as YAML, defaults filled in; `base` is what its paths shall be relative to. */
  toYaml(base: string): string;
}

export interface LoadOptions {
  readonly catalogue: Catalogue;
  /** Overrides, `stages.rollout.samples=4`: a path of keys, `=`, and a value in YAML. */
  readonly set?: readonly string[];
  /** What `${NAME}` stands for, by default the environment of the process. */
  readonly environment?: Environment;
}

/** What could be made of a pipeline file, and all that is wrong with it. */
export interface Inspection {
  /** Absent where the file has no shape; with errors, it lacks the stages that have them. */
  readonly pipeline: Pipeline | undefined;
  readonly errors: readonly RlevError[];
}

/**
 * Reads a pipeline file and checks everything that can be checked without its data and its policy.
 *
 * @throws RlevErrors with every finding: `config/*` with file, line and column
 * @throws RlevError `data/missing-file` where the file is not there
 */
export async function loadPipeline(file: string, options: LoadOptions): Promise<Pipeline> {
  const { pipeline, errors } = await inspectFile(file, options);
  if (errors.length > 0 || !pipeline) throw new RlevErrors(errors);
  return pipeline;
}

/**
 * The same, with what is wrong gathered instead of thrown; `catalogue` has the stages of its own that the file names.
 *
 * @throws RlevError `data/missing-file` where the file is not there
 */
export async function inspectFile(
  file: string,
  options: LoadOptions,
): Promise<Inspection & { readonly catalogue: Catalogue }> {
  const text = await readPipeline(file);
  const { catalogue, errors: own } = await ownStages(text, file, options);
  const { pipeline, errors } = inspectPipeline(text, file, { ...options, catalogue });
  // What could not be loaded is not in the catalogue either: that would be said twice.
  const loaded = (e: RlevError): boolean =>
    e.code !== 'config/unknown-stage' || !own.some(({ value }) => value === e.value);
  return { catalogue, pipeline, errors: [...own, ...errors.filter(loaded)] };
}

/** The text of a pipeline file. @throws RlevError `data/missing-file` */
export async function readPipeline(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new RlevError({
      code: 'data/missing-file',
      message:
        code === 'ENOENT'
          ? `There is no file ${file}.`
          : code === 'EISDIR'
            ? `${file} is a folder.`
            : `The pipeline file ${file} cannot be read (${code}).`,
      value: file,
      help: 'Name a YAML file, such as pipelines/rlev.yaml.',
      cause,
    });
  }
}

/** The same from text; `file` is where paths are relative to and what errors name. */
export function resolvePipeline(text: string, file: string, options: LoadOptions): Pipeline {
  const { pipeline, errors } = inspectPipeline(text, file, options);
  if (errors.length > 0 || !pipeline) throw new RlevErrors(errors);
  return pipeline;
}

/** Resolves as much of a pipeline as it can, and gathers what is wrong instead of throwing it. */
export function inspectPipeline(text: string, file: string, options: LoadOptions): Inspection {
  const { catalogue } = options;
  const errors: RlevError[] = [];
  const notices: string[] = [];
  let source: Located;
  let folders: ReadonlyMap<string, string>;
  try {
    const composed = compose(text, file, options);
    errors.push(...composed.errors);
    notices.push(...composed.notices);
    folders = composed.folders;
    source = override(composed.source, options.set ?? [], catalogue, notices);
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    return { pipeline: undefined, errors: error instanceof RlevErrors ? error.errors : [error] };
  }
  const parsed = pipelineSchema.safeParse(source.data);
  if (!parsed.success) {
    errors.push(...findings(parsed.error, source, [], pipelineSchema));
  }
  const base = resolvePath(dirname(file), parsed.data?.base ?? '.');
  const resolving: Resolving = { source, catalogue, base, folders, errors, notices };
  const whole = source
    .keysAt(['stages'])
    .filter((id) => typeof source.at(['stages', id, 'use']) === 'string');
  const stages = resolveStages(resolving, whole);
  if (!parsed.success) return { pipeline: undefined, errors: distinct(errors) };

  const config = parsed.data;
  errors.push(...requireStages(source));
  const branches = Object.entries(config.evaluate).map(([id, branch]) =>
    resolveBranch(resolving, id, branch),
  );
  const policy = config.policy && policyPaths(config.policy, source, resolving);
  errors.push(...policyErrors(policy, source));
  errors.push(...checkCritic([...stages, ...branches.flatMap((b) => b.stages)], policy));
  errors.push(...checkFlow(stages, catalogue));
  for (const { id, stages, place } of branches)
    errors.push(...checkFlow(stages, catalogue), ...checkEvaluation(id, stages, place));
  const resolved = {
    run: config.run,
    policy,
    stages: stages.filter((s) => s !== undefined),
    evaluate: branches.map((b) => ({ ...b, stages: b.stages.filter((s) => s !== undefined) })),
  };
  return {
    errors: distinct(errors),
    pipeline: {
      ...resolved,
      file,
      base,
      name: config.run.name ?? basename(file).replace(/\.ya?ml$/, ''),
      policyPlace: source.placeOfKey(['policy']),
      tests: config.tests,
      notices,
      source,
      toYaml: (to) => stringify(pipelineData(resolved, to), { lineWidth: 0, aliasDuplicateObjects: false }),
    },
  };
}

function policyPaths(policy: PolicySection, source: Located, resolving: Resolving): PolicySection {
  const { critic, ...section } = withPathsOf(policy, source, ['policy'], ['from', 'tokenizer'], resolving);
  if (!critic) return section;
  return { ...section, critic: withPathsOf(critic, source, ['policy', 'critic'], ['from'], resolving) };
}

function policyErrors(policy: PolicySection | undefined, source: Located): RlevError[] {
  if (!policy) return [];
  const place = source.placeOfKey(['policy']);
  if ((policy.from === undefined) === (policy.init === undefined)) {
    return [
      new RlevError({
        code: policy.from === undefined ? 'config/missing' : 'config/type',
        message: `policy has ${policy.from === undefined ? 'neither from nor init' : 'both from and init'}, and takes one of the two.`,
        place,
        help: 'Write from: DIRECTORY for a Hugging Face checkpoint, or init: { ... } for random weights.',
      }),
    ];
  }
  if (policy.init && policy.tokenizer === undefined) {
    return [
      new RlevError({
        code: 'config/missing',
        message: 'policy.tokenizer is missing: random weights bring no tokenizer.',
        place,
        help: 'Name a folder with tokenizer.json and tokenizer_config.json.',
      }),
    ];
  }
  return [];
}

function distinct(errors: readonly RlevError[]): RlevError[] {
  const seen = new Set<string>();
  return errors.filter((e) => !seen.has(e.message) && seen.add(e.message));
}
